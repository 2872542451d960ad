"""Atomic writing of files: a file is complete or absent."""

import csv
import io
import os
import re
import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = re.compile(r"\.(?P<host>.+)~(?P<pid>\d+)~[0-9a-f]{8}\..+")
# age at which a temporary file of another machine, where no process can be looked up, is abandoned
ABANDONED_S = 24 * 3600


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` and rename it to `path` when the block succeeds.

    The temporary name keeps the suffixes, by which many writers choose the format, and no other
    process or thread uses it. The bytes reach the disk before the name does: not even a power cut
    leaves an empty file under it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = f"{socket.gethostname()}~{os.getpid()}~{secrets.token_hex(4)}"
    temporary = path.with_name(f".{owner}.{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(
    path: Path, columns: Sequence[str], *, rows: Iterable[Mapping[str, object]]
) -> None:
    """Write a CSV table with a header atomically; a missing value and None become empty cells."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())


def clear_unfinished(folder: Path) -> None:
    """Delete the files that a killed process has left unfinished below a folder."""
    for path in folder.rglob(".*"):
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
