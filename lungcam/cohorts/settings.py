"""Settings as a user types them, checked: a wrong one is told by its key."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from lungcam.errors import InputError


def as_path(key: str, value: Any) -> Path:
    """A file or folder.

    Raises:
        InputError: As for all functions here: the setting is of another kind.
    """
    if not isinstance(value, str | os.PathLike) or not str(value).strip():
        _refuse(key, value, wanted="a path")
    return Path(value)


def as_choice(key: str, value: Any, *, choices: Sequence[str]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in choices:
        _refuse(key, value, wanted=" or ".join(choices))
    return value


def as_number(key: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        _refuse(key, value, wanted="a number")
    return value


def as_whole(key: str, value: Any, *, least: int, most: int | None = None, beside: str = "") -> int:
    """A whole number.

    Args:
        key: The setting.
        value: Its value.
        least: The least that may be.
        most: The most that may be; None for no bound.
        beside: What else the setting may be, as the end of a sentence.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < least
        or (most is not None and value > most)
    ):
        bound = f"{least} or more" if most is None else f"{least} to {most}"
        _refuse(key, value, wanted=f"a whole number, {bound}{beside}")
    return value


def as_names(key: str, value: Any) -> tuple[str, ...]:
    """A list of words; one word is a list of one."""
    found = (value,) if isinstance(value, str) else value
    if not isinstance(found, Sequence) or not all(
        isinstance(one, str) and one.strip() for one in found
    ):
        _refuse(key, value, wanted="a list of names")
    return tuple(one.strip() for one in found)


def _refuse(key: str, value: Any, *, wanted: str) -> NoReturn:
    raise InputError(f"data.{key} is {value!r}; set it to {wanted}.")
