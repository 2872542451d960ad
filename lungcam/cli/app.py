"""Frame of every command: paths as the user types them, one-line errors and exit codes."""

import errno
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from lungcam.cli.signals import end_on_sigterm
from lungcam.cli.streams import release_output, safe_streams
from lungcam.config.paths import expand
from lungcam.errors import DefectError, InputError

DONE, DEFECT, BAD_INPUT = 0, 1, 2
# 128 and the number of the signal, as shells have it
INTERRUPTED, CLOSED_PIPE = 130, 141
# faults of a path or a disk, which the user can remove
USERS_ERRNO = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.EFBIG,
    errno.EIO,
    errno.ELOOP,
    errno.EMFILE,
    errno.ENFILE,
    errno.ESTALE,
)
# keys that take several paths, in brackets
LIST_KEYS = ("ckpt", "prior", "data.table")
MULTIRUN = ("-m", "--multirun")


def quote_paths(arguments: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Quote the values of some keys, so that Hydra takes them as typed.

    Unquoted, its grammar allows neither blanks nor commas, and `${` would be an interpolation.

    Args:
        arguments: Command-line arguments, `key=value`.
        keys: Keys with paths as their values.

    Returns:
        The arguments with these values quoted. Values in the user's own quotes and null stay as
        they are, and so do lists, in a sweep and for a key that takes one.

    Raises:
        InputError: A path is empty.
    """
    quoted = []
    sweep = bool(set(MULTIRUN) & set(arguments))
    for argument in arguments:
        key, equals, value = argument.partition("=")
        typed_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        bracketed = key in LIST_KEYS and (value[:1], value[-1:]) == ("[", "]")
        listed = bracketed or (sweep and "," in value)
        if equals and key in keys and not value:
            raise InputError(f"{key}=: no path is given; add one, or leave {key} out.")
        if equals and key in keys and not typed_quoted and not listed and value != "null":
            # a shell leaves the `~` in KEY=~/PATH to us
            value = str(expand(value)) if value.startswith("~") else value
            value = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
            argument = f"{key}={QuotedString(value, Quote.single).with_quotes()}"
        quoted.append(argument)
    return quoted


def run(
    main: Callable[[], None],
    paths: Sequence[str] = (),
    *,
    name: str = "train",
    rewrites: Sequence[Callable[[Sequence[str]], list[str]]] = (),
) -> None:
    """Run a Hydra application and end the process with lungcam's exit codes.

    0: done. 2: the user's input is at fault; one line names it. 1: a defect of lungcam, with a
    traceback or with one line that names the file that has it. 130: Ctrl-C. 143: SIGTERM. 141: the
    program that read the output has ended.

    Args:
        main: Function decorated with `hydra.main`.
        paths: Keys with paths as their values.
        name: Name of its configuration, `train` or `infer`.
        rewrites: Functions that change the arguments, in this order, before they are read.
    """
    # Hydra then raises where it would print several lines and exit with 1
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # an installed command is called by its bare name
    script = sys.argv[0] if sys.argv[0].endswith(".py") else Path(sys.argv[0]).stem
    with exit_codes(script, name=name):
        arguments = list(sys.argv[1:])
        for rewrite in rewrites:
            arguments = rewrite(arguments)
        # Hydra takes no settings on both sides of -m
        arguments = sorted(arguments, key=lambda argument: argument not in MULTIRUN)
        sys.argv[1:] = quote_paths(arguments, paths)
        main()


@contextmanager
def exit_codes(script: str, *, name: str = "train") -> Iterator[None]:
    """End the process with lungcam's exit codes, and with one line if the user is to act.

    Args:
        script: Entry script of the configuration, for the remedy.
        name: Name of the configuration.
    """
    end_on_sigterm()
    # a log that cannot be written is no reason for a traceback
    logging.raiseExceptions = False
    threading.excepthook = _report_thread
    with safe_streams():
        try:
            yield
            sys.stdout.flush()
            return
        except BaseException as error:
            code, message = _ending(error, script, name)
            if code is None:
                raise
        if message:
            print_error(message)
        try:
            sys.stdout.flush()
        except OSError:
            release_output()
        sys.exit(code)


def _report_thread(ended: threading.ExceptHookArgs) -> None:
    """Print the traceback of a thread, unless it lacks space or rights: its user raises that, too.

    TensorBoard writes in a thread, and raises the error again when the next value is logged.
    """
    error = ended.exc_value
    if not (isinstance(error, OSError) and error.errno in USERS_ERRNO):
        threading.__excepthook__(ended)


def _ending(error: BaseException, script: str, name: str) -> tuple[int | str | None, str]:
    """Return exit code and message of an error; no code for a defect, which keeps its traceback."""
    if isinstance(error, InputError):
        return BAD_INPUT, str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        # it reads conf/, which a command that goes well need not
        from lungcam.cli.refusals import describe_refusal

        return BAD_INPUT, describe_refusal(error, script, name=name)
    if isinstance(error, DefectError):
        return DEFECT, str(error)
    if isinstance(error, BrokenPipeError) and error.filename is None:
        return CLOSED_PIPE, "stopped: the program that read the output has ended."
    missing = isinstance(error, FileNotFoundError) and error.filename is not None
    if missing or (isinstance(error, OSError) and error.errno in USERS_ERRNO):
        name = "the output" if error.filename is None else os.fsdecode(error.filename)
        return BAD_INPUT, f"{name}: {error.strerror}; check path, rights and space."
    if isinstance(error, MemoryError):
        return BAD_INPUT, "the memory is not enough; close other programs, or lower the settings."
    # Lightning turns Ctrl-C into an exit with 1
    if isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
        return INTERRUPTED, ""
    if isinstance(error, SystemExit):
        return (DONE if error.code is None else error.code), ""
    return None, ""


def print_error(message: str) -> None:
    """Print the message that ends a command in one line."""
    with suppress(OSError):
        _end_progress_bars()
    with suppress(OSError):
        print(f"lungcam: {' '.join(message.split())}", file=sys.stderr)


def _end_progress_bars() -> None:
    """End the lines of progress bars that an error has left open: a message would stand in them."""
    tqdm = sys.modules.get("tqdm.std")
    for bar in list(getattr(tqdm.tqdm, "_instances", ())) if tqdm else ():
        bar.close()
    sys.stdout.flush()
