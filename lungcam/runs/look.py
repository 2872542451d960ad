"""How pictures look, from the configuration."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lungcam.errors import InputError
from lungcam.render import Look, check_look


def read_look(told: Mapping[str, Any]) -> Look:
    """Read the node `render`, and refuse what cannot be drawn before any work.

    Args:
        told: With a key for each field of `Look`; others are left alone.

    Raises:
        InputError: Names the key.
    """
    look = Look(**{field.name: told[field.name] for field in fields(Look)})
    try:
        check_look(look)
    except ValueError as error:
        raise InputError(f"render.{error}") from error
    return look
