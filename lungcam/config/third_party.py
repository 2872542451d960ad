"""Refusals by code of other projects: what it raises on a setting of the user is no defect."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hydra.utils import get_object

from lungcam.config.plugins import loaded_plugins, origin_of
from lungcam.errors import InputError

OWN = "lungcam"
INSTALLED = ("site-packages", "dist-packages")


def is_third_party(name: str) -> bool:
    """Return True for a dotted name in an installed package that is neither lungcam nor a plug-in.

    The user's own code is not: an error in it keeps its traceback.
    """
    package = name.partition(".")[0]
    if package in (OWN, *(plugin.package for plugin in loaded_plugins())):
        return False
    origin = origin_of(package)
    return origin is not None and bool(set(INSTALLED) & set(origin.parts))


def is_refusal(error: BaseException) -> bool:
    """Return False for what no setting causes: no memory, no room on a disk, Ctrl-C."""
    # those of disks have a number, those of a server that is not reached have none
    is_disk = isinstance(error, OSError) and error.errno is not None
    return isinstance(error, Exception) and not (is_disk or isinstance(error, MemoryError))


def refusal(error: BaseException, path: str) -> InputError:
    """Return an error of other code as a refusal of the setting at a path, in one line."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{path}: {reason.rstrip('.')}; change its settings, or choose another.")


@contextmanager
def refusals(path: str, code: Any) -> Iterator[None]:
    """Turn what a configured class or function raises in a block into an `InputError`.

    That is everything by code of other projects, and what says by its kind that an argument is
    wrong by other code.

    Args:
        path: Key of its settings, for the message.
        code: The class or function, or a partial of it.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        module = getattr(getattr(code, "func", code), "__module__", None) or ""
        says_so = isinstance(error, TypeError | ValueError | LookupError)
        if not says_so and not (is_refusal(error) and is_third_party(module)):
            raise
        raise refusal(error, path) from error


def refusal_within(error: BaseException, objects: Mapping[str, object]) -> InputError | None:
    """Return an error as a refusal, if it has passed a method of other projects' object.

    Args:
        error: The error, raised.
        objects: Objects that the user has configured, by the keys of their settings.

    Returns:
        The refusal by the innermost of these objects; None for a defect.
    """
    if isinstance(error, InputError) or not is_refusal(error):
        return None
    path, trace = None, error.__traceback__
    while trace is not None:
        current = trace.tb_frame.f_locals.get("self")
        for name, configured in objects.items():
            if current is configured and is_third_party(type(configured).__module__):
                path = name
        trace = trace.tb_next
    return None if path is None else refusal(error, path)


def is_third_party_target(target: str) -> bool:
    """Return True if a `_target_` is defined by another project."""
    return is_third_party(getattr(get_object(target), "__module__", None) or target)
