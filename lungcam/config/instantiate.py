"""Targets that a configuration may name, and the one place that makes objects of them."""

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate

from lungcam.config.aliases import update_targets
from lungcam.errors import InputError

# a configuration, and so a checkpoint, may name nothing else
ALLOWED_TARGETS = (
    "lungcam.callbacks.",
    "lungcam.cohorts.",
    "lungcam.nets.",
    "lungcam.phantom.",
    "lungcam.training.losses.",
    "lungcam.training.schedule.",
    "lungcam.transforms.",
    "monai.networks.nets.",
    "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.",
    "torch.optim.",
    "torchio.",
)
# functions that work when they are called; all other targets only take their settings
COHORTS = ("lungcam.cohorts.", "lungcam.phantom.")
# part of a package that is allowed: TorchIO's data sets would be downloaded
MODULES = {"torchio.": "torchio.transforms."}
# error by which Lightning refuses a setting
LIGHTNINGS_REFUSAL = "MisconfigurationException"
# types of a setting that is neither a list nor a dict
SCALARS = {bool, int, float, str, NoneType}


def check_targets(
    config: dict[str, Any], path: str = "", *, allowed: Sequence[str] = ALLOWED_TARGETS
) -> None:
    """Refuse, before any object is made, a target that is not allowed or a key it does not take.

    Names of the previous version are checked under their present name.

    Args:
        config: Plain config.
        path: Its key in the configuration, for the message.
        allowed: Prefixes of the names that are allowed.

    Raises:
        InputError: Names the key.
    """
    _check_config(update_targets(config), path, allowed=allowed)


def instantiate(config: dict[str, Any], path: str, **arguments: Any) -> Any:
    """Make the object that a config describes.

    Args:
        config: Plain config with an allowed `_target_`.
        path: Its key in the configuration, for the message.
        **arguments: Further arguments of the target.

    Raises:
        InputError: The target is not allowed, lacks a setting or refuses one.
        Exception: Any other error of the target, unchanged: a defect of lungcam.
    """
    config = update_targets(config)
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
        if not target.startswith(COHORTS) and _is_refusal(cause):
            raise InputError(f"{path}: {cause}") from error
        raise cause from None


def _check_config(config: dict[str, Any], path: str, *, allowed: Sequence[str]) -> None:
    for key, value in config.items():
        _check_value(value, f"{path}.{key}" if path else str(key), allowed=allowed)
    if "_target_" not in config:
        return
    target = str(config["_target_"])
    parameters = inspect.signature(_find_target(target, path, allowed=allowed)).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for key in config:
        if not key.startswith("_") and key not in parameters:
            raise InputError(
                f"{path}.{key}: {target} has no such setting; it takes {', '.join(parameters)}."
            )


def _check_value(value: Any, path: str, *, allowed: Sequence[str]) -> None:
    """Check targets at any depth, in lists too, as Hydra would find them."""
    if isinstance(value, dict):
        _check_config(value, path, allowed=allowed)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check_value(item, f"{path}[{i}]", allowed=allowed)
    elif isinstance(value, str) and "${" in value:
        # Hydra would resolve it, perhaps to a target
        raise InputError(f"{path}={value}: ${{}} is not allowed in a resolved value; write it out.")


def _find_target(target: str, path: str, *, allowed: Sequence[str]) -> Callable[..., Any]:
    """Return the class or function of an allowed name."""
    prefix = next((prefix for prefix in allowed if target.startswith(prefix)), None)
    if prefix is None:
        raise InputError(f"{path}._target_={target}: allowed are {', '.join(allowed)}.")
    try:
        target_object = get_object(target)
    except Exception as error:
        raise InputError(f"{path}._target_={target}: there is no such thing; check it.") from error
    # a module's imports are reachable by its name too: the object must be defined in the package,
    # and be neither private nor a method, such as one that downloads
    public = "." not in getattr(target_object, "__qualname__", ".") and "._" not in target
    module = f"{getattr(target_object, '__module__', '')}."
    if not (callable(target_object) and public and module.startswith(MODULES.get(prefix, prefix))):
        raise InputError(
            f"{path}._target_={target}: not a class or function of {prefix.rstrip('.')}."
        )
    return target_object


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
        if not kinds or not kinds <= SCALARS or isinstance(value, dict | Path):
            continue
        if type(value) not in (kinds | {int} if float in kinds else kinds):
            names = " or ".join(sorted(kind.__name__ for kind in kinds if kind is not NoneType))
            raise InputError(f"{path}.{key}={value}: it must be {names}.")


def _is_refusal(error: BaseException) -> bool:
    """Return True for an error by which a constructor refuses a setting."""
    # Lightning's own by its name: it takes a while to load, and inference does without it
    names = [kind.__name__ for kind in type(error).__mro__]
    return isinstance(error, (TypeError, ValueError, LookupError)) or LIGHTNINGS_REFUSAL in names
