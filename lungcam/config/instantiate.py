"""Targets of the configuration: what it may name, and the one place that makes objects from it."""

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate

from lungcam.errors import InputError

# what a setting may be that is neither a list nor a dict
PLAIN = {bool, int, float, str, NoneType}
# a config, and so a checkpoint, may name nothing else
ALLOWED_TARGETS = (
    "lungcam.callbacks.",
    "lungcam.cohorts.",
    "lungcam.nets.",
    "lungcam.phantom.",
    "lungcam.transforms.",
    "monai.networks.nets.",
    "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.",
    "torch.optim.",
    "torchio.",
)
# these do their work when they are called; all others only take their settings
COHORTS = ("lungcam.cohorts.", "lungcam.phantom.")
# where that is less than its package: TorchIO's data sets would be downloaded
MODULES = {"torchio.": "torchio.transforms."}


def check_targets(
    config: dict[str, Any], path: str = "", *, allowed: Sequence[str] = ALLOWED_TARGETS
) -> None:
    """Refuse, before anything is made, a target that is not allowed or a key it does not take.

    Args:
        config: Plain config.
        path: Where it stands, for the message.
        allowed: What it may name.

    Raises:
        InputError: Names the key.
    """
    for key, value in config.items():
        _check_value(value, f"{path}.{key}" if path else str(key), allowed=allowed)
    if "_target_" not in config:
        return
    target = str(config["_target_"])
    home = next((one for one in allowed if target.startswith(one)), None)
    if home is None:
        raise InputError(f"{path}._target_={target}: allowed are {', '.join(allowed)}.")
    try:
        made = get_object(target)
    except Exception as error:
        raise InputError(f"{path}._target_={target}: there is no such thing; check it.") from error
    # a module's imports are reachable by its name too: what is made must be at home in its package,
    # and neither a method, such as one that downloads, nor private
    public = "." not in getattr(made, "__qualname__", ".") and "._" not in target
    at_home = f"{getattr(made, '__module__', '')}.".startswith(MODULES.get(home, home))
    if not (callable(made) and public and at_home):
        raise InputError(
            f"{path}._target_={target}: not a class or function of {home.rstrip('.')}."
        )
    parameters = inspect.signature(made).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    for key in config:
        if not key.startswith("_") and key not in parameters:
            raise InputError(
                f"{path}.{key}: {target} has no such setting; it takes {', '.join(parameters)}."
            )


def _check_value(value: Any, path: str, *, allowed: Sequence[str]) -> None:
    """Look for targets wherever Hydra would, in lists too; see `check_targets`."""
    if isinstance(value, dict):
        check_targets(value, path, allowed=allowed)
    elif isinstance(value, list | tuple):
        for i, one in enumerate(value):
            _check_value(one, f"{path}[{i}]", allowed=allowed)
    elif isinstance(value, str) and "${" in value:
        # Hydra would resolve it, perhaps to a target
        raise InputError(f"{path}={value}: ${{}} is not allowed in a resolved value; write it out.")


def instantiate(config: dict[str, Any], path: str, **arguments: Any) -> Any:
    """Make the object that a config describes.

    Args:
        config: Plain config with an allowed `_target_`.
        path: Where it stands in the configuration, for the message.
        **arguments: Further arguments of the target.

    Raises:
        InputError: The target is not allowed, lacks a setting or refuses one.
        Exception: Whatever else the target raises, as it is: a defect and not the user's fault.
    """
    check_targets(config, path)
    target = str(config.get("_target_"))
    if target.startswith("lungcam."):
        _check_settings(config, path, arguments=arguments)
    try:
        return hydra_instantiate(config, **arguments, _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
            cause = cause.__cause__
        if not target.startswith(COHORTS) and _refuses(cause):
            raise InputError(f"{path}: {cause}") from error
        raise cause from None


def _check_settings(config: dict[str, Any], path: str, *, arguments: dict[str, Any]) -> None:
    """Refuse settings that the target cannot be called with, before it is called."""
    settings = {key: value for key, value in config.items() if not key.startswith("_")}
    signature = inspect.signature(get_object(config["_target_"]))
    bind = signature.bind_partial if config.get("_partial_") else signature.bind
    try:
        bind(*config.get("_args_", ()), **(settings | arguments))
    except TypeError as error:
        raise InputError(f"{path}: {error}.") from error
    for key, value in settings.items():
        hint = signature.parameters[key].annotation if key in signature.parameters else None
        kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
        # a path is given as text
        kinds -= {Path, os.PathLike[str]}
        if not kinds or not kinds <= PLAIN or isinstance(value, dict | Path):
            continue
        if type(value) not in (kinds | {int} if float in kinds else kinds):
            names = " or ".join(sorted(kind.__name__ for kind in kinds if kind is not NoneType))
            raise InputError(f"{path}.{key}={value}: it must be {names}.")


def _refuses(error: BaseException) -> bool:
    """Whether an error is a constructor's way to refuse a setting."""
    # slow to load, and loaded by then wherever it can be raised
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    return isinstance(error, (TypeError, ValueError, LookupError, MisconfigurationException))
