"""Isolation: a block of code that may neither write files nor reach network or other programs."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lungcam.errors import InputError

# audit events (docs.python.org/3/library/audit_events.html) by which code reaches out
REFUSED = (
    *("socket.", "urllib.", "ftplib.", "http.", "smtplib.", "subprocess.", "shutil."),
    *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "pty."),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.putenv", "os.unsetenv", "tempfile.", "webbrowser.", "ctypes."),
    "pickle.find_class",
)
# what the import of an installed module reads, and writes when it is compiled
CODE, COMPILED = (".py", ".pyc", ".so", ".pyd"), "__pycache__"

_isolated = threading.local()
_hooks: list[Any] = []


@contextmanager
def isolated(what: str) -> Iterator[None]:
    """Refuse network, programs and files to the block, but for the import of installed modules.

    Python announces these by audit events (PEP 578). It is a second wall behind checks of what the
    block will do, and no sandbox: code that is meant to break out can.

    Args:
        what: Beginning of the message.

    Raises:
        InputError: The block has tried.
    """
    if not _hooks:
        _hooks.append(_refuse)
        sys.addaudithook(_refuse)
    _isolated.what = what
    try:
        yield
    finally:
        _isolated.what = None


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    what = getattr(_isolated, "what", None)
    if what is None or not _reaches_out(event, arguments):
        return
    # an exception's own handling may open files
    _isolated.what = None
    raise InputError(f"{what}: it reaches for files, programs or the network ({event}); refused.")


def _reaches_out(event: str, arguments: tuple[Any, ...]) -> bool:
    path = str(arguments[0]) if arguments else ""
    # a file that is open already has a number
    if COMPILED in path or (event == "open" and (path.endswith(CODE) or path.isdecimal())):
        return False
    return event == "open" or event.startswith(REFUSED)
