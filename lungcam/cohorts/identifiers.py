"""Identifiers of people and scans: missing ones, and ones that differ only in spelling."""

import re
from collections.abc import Iterable

from lungcam.findings import NONE

# texts in the place of a person that many people would share
NOBODY = (*NONE, "unknown", "anonymous", "anonym", "anon", "anonymized", "anonymised", "missing")
NAMED = 3


def identifier(text: str | None, *, nobody: Iterable[str] = NONE) -> str | None:
    """Return an identifier, None for a text that means that there is none.

    Args:
        text: Text of a cell or an attribute.
        nobody: Texts that mean none, in lower case: `NONE`, or `NOBODY` for a person.
    """
    text = (text or "").strip()
    return None if text.lower() in nobody else text


def lookalikes(identifiers: Iterable[str]) -> list[tuple[str, ...]]:
    """Return groups of identifiers that differ only in leading zeros, in `.0` or in case.

    Spreadsheets and pandas change identifiers in these ways: 007, 7 and 7.0 may be one person.
    """
    groups: dict[str, set[str]] = {}
    for name in identifiers:
        groups.setdefault(_key(name), set()).add(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def lookalike_note(identifiers: Iterable[str], kind: str) -> list[str]:
    """Return a note on lookalikes, none without any.

    Args:
        identifiers: Identifiers of one kind.
        kind: Noun for the note, in the plural.
    """
    groups = lookalikes(identifiers)
    if not groups:
        return []
    named = "; ".join(" and ".join(group[:NAMED]) for group in groups[:NAMED])
    more = f"; and {len(groups) - NAMED} more" if len(groups) > NAMED else ""
    return [
        f"{len(groups)} group(s) of {kind} differ only in leading zeros, .0 or case and count as "
        f"different: {named}{more}; write each in one way if they are the same"
    ]


def _key(name: str) -> str:
    name = re.sub(r"^(\d+)\.0*$", r"\1", name.strip().casefold())
    return re.sub(r"(?<![\d.])0+(?=\d)", "", name)
