"""Command of a run, as its report shows it: it may be passed on, so folders are left out."""

import shlex
from collections.abc import Sequence


def command_line(overrides: Sequence[str], *, seed: int | None = None, sweep: bool = False) -> str:
    """Return the command that trains again.

    Args:
        overrides: Settings as they were typed.
        seed: Seed of the run, added if it was not typed.
        sweep: True for a sweep.
    """
    shown = [without_folder(override) for override in overrides]
    if seed is not None and not any(text.lstrip("+").startswith("seed=") for text in shown):
        shown.append(f"seed={seed}")
    return shlex.join(["python", "train.py", *(["-m"] if sweep else []), *shown])


def without_folder(override: str) -> str:
    """Return an override with the last part of its path alone, if its value is one."""
    key, sign, value = override.partition("=")
    *folders, name = value.strip("'\"").replace("\\", "/").rstrip("/").split("/")
    return f"{key}{sign}.../{name}" if folders else override
