"""Streams of a command: they take any text, and a reader that has gone costs no traceback."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import TextIOBase
from typing import Any, TextIO

from lungcam.errors import NOT_TEXT, plain_text

# what progress bars need: to the line above
MOVES = "\x1b[A"
LAYOUT = re.compile(f"({re.escape(MOVES)}|[\n\r\t])")
HYDRAS_LINE = "Error executing job with overrides"


@contextmanager
def safe_streams() -> Iterator[None]:
    """Write control codes out for the time of the block, and replace streams that are closed."""
    _open_missing()
    output, errors = _SafeStream(sys.stdout), _SafeStream(sys.stderr, may_be_gone=True)
    with redirect_stdout(output), redirect_stderr(errors):
        yield


def release_output() -> None:
    """Let go of an output that nobody reads, so that Python does not write to it at its end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.__stdout__.fileno() if sys.__stdout__ else 1)
        os.close(null)


def _open_missing() -> None:
    """Open what the caller has closed: the next file would take its number, and all its text."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is this one
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        with suppress(AttributeError, ValueError):
            getattr(sys, name).reconfigure(errors="backslashreplace")


class _SafeStream(TextIOBase):
    """Stream that writes out control codes, but for line breaks, tabs and those of progress bars.

    It leaves out the line that Hydra puts before every error of a job: ending the process inside
    the job, before Hydra sees the error, would kill a sweep's other jobs.

    Args:
        stream: Stream to write to.
        may_be_gone: True to go on without a reader.
    """

    def __init__(self, stream: TextIO, *, may_be_gone: bool = False):
        self._stream = stream
        self._may_be_gone = may_be_gone

    def write(self, text: str) -> int:
        if text.startswith(HYDRAS_LINE):
            return len(text)
        if NOT_TEXT.search(text):
            parts = LAYOUT.split(text)
            parts[::2] = map(plain_text, parts[::2])
            text = "".join(parts)
        try:
            return self._stream.write(text)
        except OSError:
            if not self._may_be_gone:
                raise
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            if not self._may_be_gone:
                raise

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        return self._stream.encoding

    @property
    def errors(self) -> str | None:
        return self._stream.errors

    @property
    def buffer(self) -> Any:
        return self._stream.buffer
