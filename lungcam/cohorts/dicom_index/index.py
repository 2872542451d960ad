"""The catalogue on disk: one file for each root, in JSON lines.

The first line holds the version and a checksum of the rest; each other line holds one folder. Names
of folders and files stand in it as they are on the disk.
"""

import gc
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from lungcam.cohorts.catalogue.folder import Entry, Folder
from lungcam.cohorts.catalogue.tags import Tags
from lungcam.errors import InputError
from lungcam.files import whole

# to be raised whenever a line means something else
VERSION = 2

# by the path below the root: the folder's mtime_ns when it was read, and what was found
Index = dict[str, tuple[int, Folder]]


def index_file(root: Path, cache: Path) -> Path:
    """The file that keeps a root's index."""
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return cache / f"catalogue-{name}.jsonl"


def load(file: Path) -> Index:
    """Read an index; an absent or damaged one, or one of another version, is empty."""
    try:
        head, _, body = file.read_bytes().partition(b"\n")
        kept = json.loads(head)
        if kept != _head(body):
            return {}
        with many_objects():
            return dict(map(_entry, body.splitlines()))
    except (OSError, ValueError, TypeError):
        return {}


def save(file: Path, index: Index) -> None:
    """Write an index whole.

    Raises:
        InputError: It cannot be written.
    """
    body = "".join(f"{_line(path, *kept)}\n" for path, kept in index.items()).encode()
    try:
        with whole(file) as temporary, temporary.open("wb") as stream:
            stream.write(json.dumps(_head(body)).encode() + b"\n")
            stream.write(body)
    except OSError as error:
        raise InputError(
            f"{file}: the catalogue cannot be written ({error.strerror or error}); set cache= to a "
            "folder where you may write and the disk has room."
        ) from error


@contextmanager
def many_objects() -> Iterator[None]:
    """Make many objects that stay: Python's search for cycles among them would take most time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _head(body: bytes) -> dict[str, object]:
    return {"version": VERSION, "sha256": hashlib.sha256(body).hexdigest()}


def _line(path: str, mtime_ns: int, folder: Folder) -> str:
    entries = [[entry.slices, entry.digest, *astuple(entry.tags)] for entry in folder.entries]
    return json.dumps([path, mtime_ns, folder.subfolders, folder.sampled, entries, folder.damaged])


def _entry(line: bytes) -> tuple[str, tuple[int, Folder]]:
    path, mtime_ns, subfolders, sampled, entries, damaged = json.loads(line)
    found = [Entry(Tags(*tags), slices, digest) for slices, digest, *tags in entries]
    return path, (mtime_ns, Folder(subfolders, sampled, found, damaged))
