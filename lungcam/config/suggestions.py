"""Suggestions for misspelt names: keys, groups, choices, columns and commands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

# share of a name that must agree, as difflib measures it
CUTOFF = 0.7
GLOBAL_PACKAGE = "# @package _global_"
# folder of Hydra's own settings
HYDRAS = "hydra"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question that names the nearest of some names, or nothing where none is near.

    A key is compared with whole keys, and with their last parts: `max_epoch` is near
    `trainer.max_epochs`.

    Args:
        name: Name as typed.
        names: Names that exist.

    Returns:
        ` Did you mean small3d?`, to be added to a sentence, or an empty text.
    """
    whole = {known.lower(): known for known in names}
    last = {known.rpartition(".")[2]: spelling for known, spelling in whole.items()}
    typed = name.lower()
    # the group may be missing or wrong, and the key right
    for text, spellings in ((typed, whole), (typed, last), (typed.rpartition(".")[2], last)):
        if close := get_close_matches(text, spellings, n=1, cutoff=CUTOFF):
            return f" Did you mean {spellings[close[0]]}?"
    return ""


def no_such(what: str, name: str, names: Sequence[str]) -> str:
    """Return what follows a name that does not exist: the nearest one, and all.

    Args:
        what: Kind of name, such as setting.
        name: Name as typed, without its group.
        names: Names that exist.
    """
    return f"there is no such {what}; it takes {', '.join(names)}.{did_you_mean(name, names)}"


def known_keys(schema: type, folder: Path | None) -> list[str]:
    """Return the keys that a configuration may have, and its groups, as on the command line.

    Args:
        schema: Its dataclass, such as `TrainConfig`.
        folder: Folder with a folder of choices for each group; None without groups.
    """
    keys = dict.fromkeys(_declared(schema, ""))
    for file in sorted(folder.glob("*/*.yaml")) if folder is not None else ():
        if file.parent.name != HYDRAS:
            keys |= dict.fromkeys([file.parent.name, *_keys_of(file)])
    return list(keys)


def choices_of(group: str, folder: Path) -> list[str]:
    """Return the choices of a group in a folder of configurations."""
    return sorted(file.stem for file in (folder / group).glob("*.yaml"))


def _declared(schema: type, prefix: str) -> Iterator[str]:
    for item in fields(schema):
        yield f"{prefix}{item.name}"
        if is_dataclass(item.type) and isinstance(item.type, type):
            yield from _declared(item.type, f"{prefix}{item.name}.")


def _keys_of(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8")
    prefix = "" if text.startswith(GLOBAL_PACKAGE) else f"{file.parent.name}."
    yield from _flat(yaml.safe_load(text) or {}, prefix)


def _flat(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in node.items():
        if key == "defaults" or key.startswith("_"):
            continue
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
