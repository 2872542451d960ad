"""Setting `plugins=`, read before the configuration is composed: plug-ins may add to it."""

import os
import sys
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from lungcam.config.plugins import load_installed, load_plugins

KEY = "plugins"


def plugin_names(arguments: Sequence[str]) -> list[str] | None:
    """Return the plug-ins that `plugins=` names; None where it is not among the arguments."""
    values = [
        value
        for key, equals, value in (argument.partition("=") for argument in arguments)
        if equals and key.lstrip("+") == KEY
    ]
    return _listed(values[-1]) if values else None


def quote_plugins(arguments: Sequence[str]) -> list[str]:
    """Write `plugins=` as a list that Hydra reads, with paths as the user typed them."""
    names = plugin_names(arguments)
    if names is None:
        return list(arguments)
    quoted = ",".join(QuotedString(name, Quote.single).with_quotes() for name in names)
    return [*without_plugins(arguments), f"{KEY}=[{quoted}]"]


def import_plugins(arguments: Sequence[str]) -> list[str]:
    """Import installed plug-ins and those of `plugins=`, and return the arguments for Hydra.

    The folder in which the user stands becomes importable, after all others.

    Raises:
        InputError: There is no such plug-in, or it cannot be imported.
    """
    sys.path.append(os.getcwd())
    load_installed()
    load_plugins(plugin_names(arguments) or ())
    return quote_plugins(arguments)


def without_plugins(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without `plugins=`."""
    return [argument for argument in arguments if not _is_plugins(argument)]


def _is_plugins(argument: str) -> bool:
    return argument.partition("=")[0].lstrip("+") == KEY and "=" in argument


def _listed(value: str) -> list[str]:
    """Read a list in Hydra's grammar, a list of unquoted paths, or one path."""
    if (value[:1], value[-1:]) == ("[", "]"):
        try:
            parsed = OverridesParser.create().parse_override(f"{KEY}={value}").value()
            return [str(item) for item in parsed]
        except HydraException:
            # blanks and the like, which its grammar does not take unquoted
            return [item.strip(" '\"") for item in value[1:-1].split(",") if item.strip()]
    return [value.strip("'\"")] if value not in ("", "null") else []
