"""Write files whole or not at all."""

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
# another machine's process cannot be asked whether it lives
FORGOTTEN_S = 24 * 3600


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it to `path` when the block succeeds.

    The temporary name keeps the suffixes, by which many writers choose the format, and is no other
    process' or thread's. The bytes are on the disk before the name is: not even a power cut leaves
    an empty file under it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f"{socket.gethostname()}~{os.getpid()}~{secrets.token_hex(4)}"
    temporary = path.with_name(f".{own}.{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a path is a temporary one of `atomic_write`."""
    return TEMPORARY.fullmatch(path.name) is not None


def is_leftover(path: Path) -> bool:
    """Whether a temporary path's process was killed, so that nobody will rename it any more."""
    found = TEMPORARY.fullmatch(path.name)
    if found is None:
        return False
    if found["host"] != socket.gethostname():
        return time.time() - path.stat().st_mtime > FORGOTTEN_S
    try:
        os.kill(int(found["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # it lives, and is another user's
    return False


def clear_unfinished(folder: Path) -> None:
    """Delete what `atomic_write` had not finished below a folder when its process was killed."""
    for path in folder.rglob(".*"):
        if is_leftover(path):
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(
    path: Path, columns: Sequence[str], *, rows: Iterable[Mapping[str, object]]
) -> None:
    """Write a CSV table with a header whole; what a row lacks, and None, is empty."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())
