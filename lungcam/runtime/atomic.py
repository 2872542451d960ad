"""Atomic writing of files: a file is complete or absent."""

import csv
import errno
import io
import json
import math
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lungcam.errors import plain_text
from lungcam.runtime.written import record_of

__all__ = [
    "atomic_write",
    "cell",
    "clear_unfinished",
    "is_leftover",
    "is_temporary",
    "json_text",
    "record_of",
    "uncell",
    "write_json",
    "write_table",
    "write_text",
]

TEMPORARY = re.compile(r"\.(?P<host>.+)~(?P<pid>\d+)~[0-9a-f]{8}\..+")
# what a spreadsheet takes for a formula at the start of a cell, and the numbers among it
FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)|-")
# age at which a temporary file of another machine, where no process can be looked up, is abandoned
ABANDONED_S = 24 * 3600
# of a file system: with less, nothing can be written
BLOCK = 4096


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` and rename it to `path` when the block succeeds.

    The temporary name keeps the suffixes, by which many writers choose the format, and no other
    process or thread uses it. The bytes reach the disk before the name does: not even a power cut
    leaves an empty file under it. In a folder with a record (`lungcam.runtime.written`) only files
    that lungcam has written are replaced.

    Raises:
        ForeignFile: There is a file of the user at `path`.
        OSError: It cannot be written; the error names `path`.
    """
    owner = f"{socket.gethostname()}~{os.getpid()}~{secrets.token_hex(4)}"
    temporary = path.with_name(f".{owner}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        record = record_of(path)
        if record is not None:
            record.claim(path, temporary)
        os.replace(temporary, path)
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            # a write to a full disk names no file
            if error.filename in (None, str(temporary), temporary):
                error.filename, error.filename2 = str(path), None
        # torch, pydicom and others raise errors of their own where a disk is full
        elif temporary.exists() and shutil.disk_usage(temporary.parent).free < BLOCK:
            full = errno.ENOSPC
            raise OSError(full, os.strerror(full), str(path)) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8; bytes of a name that are none are written out."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: object, *, indent: int | None = 2) -> None:
    """Write JSON atomically, see `json_text`."""
    write_text(path, json_text(content, indent=indent))


def json_text(content: object, *, indent: int | None = 2) -> str:
    """Return content as a file of JSON; NaN and infinity, which JSON does not know, become null."""
    return json.dumps(_finite(content), indent=indent, allow_nan=False) + "\n"


def write_table(
    path: Path, columns: Sequence[str], *, rows: Iterable[Mapping[str, object]]
) -> None:
    """Write a CSV table with a header atomically; a missing value and None become empty cells.

    Text is written so that a spreadsheet shows it and runs nothing, see `cell`.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([cell(column) for column in columns])
    for row in rows:
        if not row.keys() <= set(columns):
            raise ValueError(f"{path}: there is no column {min(row.keys() - set(columns))}.")
        table.writerow([cell(row.get(column)) for column in columns])
    write_text(path, text.getvalue())


def cell(value: object) -> object:
    """Return a value for a CSV table: text as plain text, with `'` before a spreadsheet's formula.

    `uncell` takes it off. Numbers stay as they are, also those that are text.
    """
    if not isinstance(value, str):
        return value
    value = plain_text(value)
    return f"'{value}" if FORMULA.match(value) and not NUMBER.fullmatch(value) else value


def uncell(text: str) -> str:
    """Return the text of a cell that `cell` has written."""
    return text[1:] if text[:1] == "'" and FORMULA.match(text[1:]) else text


def _finite(value: object) -> object:
    """Return nested dicts and lists with None for the floats that are not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def clear_unfinished(folder: Path) -> None:
    """Delete the files that a killed process has left unfinished below a folder."""
    for path in folder.rglob(".*"):
        # another process may do the same, or the folder be read-only
        with suppress(OSError):
            if is_leftover(path):
                path.unlink()


def is_temporary(path: Path) -> bool:
    """Return True if a path is a temporary one of `atomic_write`."""
    return TEMPORARY.fullmatch(path.name) is not None


def is_leftover(path: Path) -> bool:
    """Return True if a path is a temporary one and its process is gone."""
    match = TEMPORARY.fullmatch(path.name)
    if match is None:
        return False
    if match["host"] != socket.gethostname():
        return time.time() - path.stat().st_mtime > ABANDONED_S
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # alive, and another user's
    return False
