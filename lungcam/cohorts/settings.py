"""Checks of a cohort's settings; the error for a wrong value names its key."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from lungcam.errors import InputError


def as_path(key: str, value: Any) -> Path:
    """Return a setting as a path to a file or folder.

    Raises:
        InputError: As in all functions here: the value is of another kind.
    """
    if not isinstance(value, str | os.PathLike) or not str(value).strip():
        _refuse(key, value, expected="a path")
    return Path(value)


def as_choice(key: str, value: Any, *, choices: Sequence[str]) -> str:
    """Return a setting that must be one of several words."""
    if not isinstance(value, str) or value not in choices:
        _refuse(key, value, expected=" or ".join(choices))
    return value


def as_number(key: str, value: Any) -> float:
    """Return a setting that must be a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        _refuse(key, value, expected="a number")
    return value


def as_integer(
    key: str, value: Any, *, least: int, most: int | None = None, alternative: str = ""
) -> int:
    """Return a setting that must be an integer.

    Args:
        key: Name of the setting.
        value: Value of the setting.
        least: Smallest allowed value.
        most: Largest allowed value; None for no limit.
        alternative: Other allowed values, as the end of the error's sentence.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < least
        or (most is not None and value > most)
    ):
        bound = f"{least} or more" if most is None else f"{least} to {most}"
        _refuse(key, value, expected=f"a whole number, {bound}{alternative}")
    return value


def as_names(key: str, value: Any) -> tuple[str, ...]:
    """Return a setting that must be a list of words; a single word is a list of length 1."""
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(
        isinstance(name, str) and name.strip() for name in names
    ):
        _refuse(key, value, expected="a list of names")
    return tuple(name.strip() for name in names)


def _refuse(key: str, value: Any, *, expected: str) -> NoReturn:
    raise InputError(f"data.{key} is {value!r}; set it to {expected}.")
