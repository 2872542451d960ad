"""Frame of every command: paths as the user types them, one-line errors and exit codes."""

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import TextIOBase
from pathlib import Path
from typing import TextIO

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from lungcam.errors import DefectError, InputError

DONE, DEFECT, BAD_INPUT = 0, 1, 2
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
)
# keys that take several paths, in brackets
LIST_KEYS = ("data.table",)
MULTIRUN = ("-m", "--multirun")
# launchers of Hydra, and the extra of lungcam that installs each
LAUNCHERS = {
    "joblib": "joblib",
    "submitit_local": "submitit",
    "submitit_slurm": "submitit",
    "ray": "ray",
}


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
            value = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
            argument = f"{key}={QuotedString(value, Quote.single).with_quotes()}"
        quoted.append(argument)
    return quoted


def run(
    main: Callable[[], None],
    paths: Sequence[str] = (),
    *,
    rewrites: Sequence[Callable[[Sequence[str]], list[str]]] = (),
) -> None:
    """Run a Hydra application and end the process with lungcam's exit codes.

    0: done. 2: the user's input is at fault; one line names it. 1: a defect of lungcam, with a
    traceback or with one line that names the file that has it.

    Args:
        main: Function decorated with `hydra.main`.
        paths: Keys with paths as their values.
        rewrites: Functions that change the arguments, in this order, before they are read.
    """
    # Hydra then raises where it would print several lines and exit with 1
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # an installed command is called by its bare name
    script = sys.argv[0] if sys.argv[0].endswith(".py") else Path(sys.argv[0]).stem
    with exit_codes(script), redirect_stderr(_WithoutHydraLine(sys.stderr)):
        arguments = list(sys.argv[1:])
        for rewrite in rewrites:
            arguments = rewrite(arguments)
        # Hydra takes no settings on both sides of -m
        arguments = sorted(arguments, key=lambda argument: argument not in MULTIRUN)
        sys.argv[1:] = quote_paths(arguments, paths)
        main()


@contextmanager
def exit_codes(script: str) -> Iterator[None]:
    """End the process with 2 and one line if the block finds the user's input at fault.

    Args:
        script: Entry script of the configuration, for the remedy.
    """
    try:
        yield
    except InputError as error:
        message = str(error)
    except (HydraException, OmegaConfBaseException) as error:
        message = f"{_first_line(error)} {_remedy(error, script)}"
    except OSError as error:
        if error.errno not in USERS_ERRNO or error.filename is None:
            raise
        message = f"{error.filename}: {error.strerror}; check path, rights and space."
    except DefectError as error:
        print_error(str(error))
        sys.exit(DEFECT)
    except KeyboardInterrupt:
        sys.exit(130)
    else:
        return
    print_error(message)
    sys.exit(BAD_INPUT)


class _WithoutHydraLine(TextIOBase):
    """Stream without the line that Hydra puts before every error of a job.

    Ending the process inside the job, before Hydra sees the error, would kill a sweep's other jobs.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        if text.startswith("Error executing job with overrides"):
            return len(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _first_line(error: BaseException) -> str:
    """Return the message of a configuration error in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # where a file is at fault, Hydra names it first and the error on the next line
    message = " ".join(lines[:2]) if lines[:1] and lines[0].endswith(":") else "".join(lines[:1])
    cause = str(error.__cause__ or "").strip().splitlines()[:1]
    if cause and cause[0] not in message:
        message = f"{message} {cause[0]}"
    return message.rstrip(".") + "."


def _remedy(error: BaseException, script: str) -> str:
    """Return the remedy of a configuration error."""
    for name, extra in LAUNCHERS.items():
        if f"'hydra/launcher/{name}'" in str(error):
            return f"Install it: pip install 'lungcam[{extra}]'."
    return f"`{script} --help` lists the groups, `--cfg job` the keys."


def print_error(message: str) -> None:
    """Print the message that ends a command in one line."""
    print(f"lungcam: {' '.join(message.split())}", file=sys.stderr)
