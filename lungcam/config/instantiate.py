"""Targets that a configuration may name, and the one place that makes objects of them."""

import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate

from lungcam.config.aliases import current_target, update_targets
from lungcam.config.plugins import error_place, loaded_plugins, targets_of
from lungcam.config.suggestions import did_you_mean
from lungcam.config.third_party import is_refusal, is_third_party_target, refusal
from lungcam.errors import InputError

# what comes from elsewhere than the user's own words, such as a run folder, may name nothing else
ALLOWED_TARGETS = (
    "lungcam.callbacks.",
    "lungcam.cohorts.",
    "lungcam.nets.",
    "lungcam.phantom.",
    "lungcam.training.loggers.",
    "lungcam.training.losses.",
    "lungcam.training.schedule.",
    "lungcam.transforms.",
    "monai.losses.",
    "monai.networks.nets.",
    "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.",
    "torch.nn.",
    "torch.optim.",
    "torchio.",
)
# what the user composes may name any class or function that can be imported
ANY = None
# node of the function that works when it is called; all other targets only take their settings
COHORT = "data"
# part of a package that is allowed: TorchIO's data sets would be downloaded
MODULES = {"torchio.": "torchio.transforms.", "torch.nn.": "torch.nn.modules."}
# not empty once the configuration comes from a folder of unknown origin
_distrusted: set[bool] = set()
# error by which Lightning refuses a setting
LIGHTNINGS_REFUSAL = "MisconfigurationException"
# types of a setting that is neither a list nor a dict
SCALARS = {bool, int, float, str, NoneType}


def foreign_targets(config: Any) -> list[str]:
    """Return the targets of a plain configuration that are no part of lungcam's own choices.

    Args:
        config: Plain config; names of the previous version count as their present ones, and a
            dotted name at `task` counts, too.
    """
    task = config.get("task") if isinstance(config, dict) else None
    tasks = [task] if isinstance(task, str) and "." in task else []
    names = dict.fromkeys(map(current_target, [*targets_of(config), *tasks]))
    return [name for name in names if name and not name.startswith(ALLOWED_TARGETS)]


def composed_targets() -> Sequence[str] | None:
    """Return what the configuration of this command may name.

    `ANY` of what the user composes. Once `distrust_configuration` was called: lungcam's own
    choices, and the plug-ins that the user has given.
    """
    if not _distrusted:
        return ANY
    return (*ALLOWED_TARGETS, *(f"{plugin.package}." for plugin in loaded_plugins()))


def distrust_configuration() -> None:
    """Let this process take its configuration for what someone else wrote."""
    _distrusted.add(True)


@contextmanager
def trust_of_one_command() -> Iterator[None]:
    """Begin with trust in the configuration, and restore afterwards what there was before."""
    before = set(_distrusted)
    _distrusted.clear()
    try:
        yield
    finally:
        _distrusted.clear()
        _distrusted.update(before)


def check_targets(
    config: dict[str, Any], path: str = "", *, allowed: Sequence[str] | None = ALLOWED_TARGETS
) -> None:
    """Refuse, before any object is made, a target that is not allowed or a key it does not take.

    Names of the previous version are checked under their present name.

    Args:
        config: Plain config.
        path: Its key in the configuration, for the message.
        allowed: Prefixes of the names that are allowed, or `ANY`.

    Raises:
        InputError: Names the key.
    """
    _check_config(update_targets(config), path, allowed=allowed)


def refuse_borrowed(config: dict[str, Any]) -> None:
    """Refuse a target of the user's own code that its module only imports from another package.

    A checkpoint names the target, and its code is looked for in the package of that name.

    Raises:
        InputError: Names the target, and where it is defined.
    """
    for target in foreign_targets(config):
        code = get_object(target)
        home = getattr(code, "__module__", None) or ""
        if home.partition(".")[0] != target.partition(".")[0]:
            raise InputError(
                f"_target_={target}: it is defined in {home or 'no module'}; name it there, or "
                "write a class or function of your own around it."
            )


def instantiate(
    config: dict[str, Any],
    path: str,
    *,
    allowed: Sequence[str] | None = ALLOWED_TARGETS,
    **arguments: Any,
) -> Any:
    """Make the object that a config describes.

    Args:
        config: Plain config with an allowed `_target_`.
        path: Its key in the configuration, for the message.
        allowed: Prefixes of the names that are allowed, or `ANY`.
        **arguments: Further arguments of the target.

    Raises:
        InputError: The target is not allowed, lacks a setting or refuses one.
        Exception: Any other error of the target, unchanged: a defect of its code.
    """
    config = update_targets(config)
    check_targets(config, path, allowed=allowed)
    target = str(config.get("_target_"))
    if target.startswith("lungcam.") or not target.startswith(ALLOWED_TARGETS):
        _check_settings(config, path, arguments=arguments)
    try:
        return hydra_instantiate(config, **arguments, _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
            cause = cause.__cause__
        if path != COHORT and _is_refusal(cause):
            raise InputError(f"{path}: {cause}{_place(cause, target)}") from error
        if isinstance(cause, InputError) or not (
            is_refusal(cause) and is_third_party_target(target)
        ):
            raise cause from None
        raise refusal(cause, path) from error


def _check_config(config: dict[str, Any], path: str, *, allowed: Sequence[str] | None) -> None:
    for key, value in config.items():
        _check_value(value, f"{path}.{key}" if path else str(key), allowed=allowed)
    if "_target_" not in config:
        return
    target = str(config["_target_"])
    parameters = _signature(_find_target(target, path, allowed=allowed), path).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for key in config:
        if not key.startswith("_") and key not in parameters:
            raise InputError(
                f"{path}.{key}: {target} has no such setting; it takes {', '.join(parameters)}."
                f"{did_you_mean(key, parameters)}"
            )


def _check_value(value: Any, path: str, *, allowed: Sequence[str] | None) -> None:
    """Check targets at any depth, in lists too, as Hydra would find them."""
    if isinstance(value, dict):
        _check_config(value, path, allowed=allowed)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check_value(item, f"{path}[{i}]", allowed=allowed)
    elif isinstance(value, str) and "${" in value:
        # Hydra would resolve it, perhaps to a target
        raise InputError(f"{path}={value}: ${{}} is not allowed in a resolved value; write it out.")


def _find_target(target: str, path: str, *, allowed: Sequence[str] | None) -> Callable[..., Any]:
    """Return the class or function of an allowed name."""
    prefix = next((prefix for prefix in allowed or ("",) if target.startswith(prefix)), None)
    if prefix is None:
        raise InputError(f"{path}._target_={target}: allowed are {', '.join(allowed or ())}.")
    try:
        target_object = get_object(target)
    except Exception as error:
        reason = str(error.__cause__ or error).splitlines()[0].rstrip(".")
        raise InputError(f"{path}._target_={target}: there is no such thing: {reason}.") from error
    if allowed is ANY:
        if not callable(target_object):
            raise InputError(f"{path}._target_={target}: it is no class or function.")
        return target_object
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
    signature = _signature(get_object(config["_target_"]), path)
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


def _signature(target_object: Callable[..., Any], path: str) -> inspect.Signature:
    try:
        return inspect.signature(target_object)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}._target_: {error}; write a function around it.") from error


def _place(error: BaseException, target: str) -> str:
    """Return where in code of the user's own an error was raised; nothing for other code."""
    if target.startswith(ALLOWED_TARGETS):
        return ""
    file = inspect.getsourcefile(inspect.unwrap(get_object(target)))
    return error_place(error, within=Path(file)) if file else ""


def _is_refusal(error: BaseException) -> bool:
    """Return True for an error by which a constructor refuses a setting."""
    # Lightning's own by its name: it takes a while to load, and inference does without it
    names = [kind.__name__ for kind in type(error).__mro__]
    return isinstance(error, (TypeError, ValueError, LookupError)) or LIGHTNINGS_REFUSAL in names
