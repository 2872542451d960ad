"""Help of `train.py` and `infer.py`: groups, and keys with their meanings, as conf/ has them.

Hydra's own takes seconds on a slow machine, and shows keys without their meanings.
"""

import sys

import yaml

from lungcam import RESEARCH_USE_ONLY
from lungcam.runtime.versions import CONFIG_FOLDER

FLAGS = ("-h", "--help")
OPTIONS = """\
--cfg job          print the configuration that the settings compose, and do nothing
--config-dir DIR   add a folder of your own configurations
--hydra-help       list Hydra's own options"""
SWEEP = "-m                 run every combination of values that are separated by commas\n"


def print_help(name: str) -> bool:
    """Print the help of a command if its arguments ask for it, and return True if they do.

    Args:
        name: As for `help_text`.
    """
    if not set(FLAGS) & set(sys.argv[1:]):
        return False
    print(help_text(name))
    return True


def help_text(name: str) -> str:
    """Return the help of a command.

    Args:
        name: `train` or `infer`, the name of its file in conf/.
    """
    head, _, keys = (CONFIG_FOLDER / f"{name}.yaml").read_text(encoding="utf-8").partition("\n\n")
    usage = head.splitlines()[0].removeprefix("# ")
    groups = _groups(yaml.safe_load(head)["defaults"])
    parts = [usage]
    if groups:
        parts.append("Groups, the default choice first; each choice has keys of its own:")
        parts.append("\n".join(f"{group}: {', '.join(names)}" for group, names in groups.items()))
    parts += ["Keys and their defaults:", keys.rstrip()]
    return "\n\n".join([*parts, (SWEEP if groups else "") + OPTIONS, RESEARCH_USE_ONLY])


def _groups(defaults: list[str | dict[str, str | None]]) -> dict[str, list[str]]:
    """Return the choices of each group in a defaults list of Hydra."""
    chosen = {
        group: name
        for entry in defaults
        if isinstance(entry, dict)
        for group, name in entry.items()
    }
    chosen.pop("hydra", None)
    groups = {}
    for group, name in chosen.items():
        # `${view}` is the choice of another group
        default = chosen.get(str(name).strip("${}"), name)
        names = sorted(file.stem for file in (CONFIG_FOLDER / group).glob("*.yaml"))
        groups[group] = sorted(names, key=lambda choice, default=default: choice != default)
    return groups
