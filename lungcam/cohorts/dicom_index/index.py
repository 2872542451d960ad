"""Index of a DICOM tree on disk: one file for each root, in JSON lines.

The first line holds the version and a checksum of the rest; each other line holds one folder. Names
of folders and files are stored as they are on the disk.
"""

import hashlib
import json
from dataclasses import astuple
from pathlib import Path

from lungcam.cohorts.dicom_index.folder import Entry, Folder
from lungcam.cohorts.dicom_index.tags import Tags
from lungcam.errors import InputError
from lungcam.runtime.atomic import atomic_write
from lungcam.runtime.garbage import garbage_collection_paused

# to be raised whenever the meaning of a line changes
VERSION = 3

# by path below the root: the folder's mtime_ns when it was read, and its contents
Index = dict[str, tuple[int, Folder]]


def index_file(root: Path, cache: Path) -> Path:
    """Return the file of a root's index."""
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return cache / f"catalogue-{name}.jsonl"


def load(file: Path) -> Index:
    """Read an index; a missing or damaged one, or one of another version, is empty."""
    try:
        head, _, body = file.read_bytes().partition(b"\n")
        if json.loads(head) != _head(body):
            return {}
        with garbage_collection_paused():
            return dict(map(_parse_line, body.splitlines()))
    except (OSError, ValueError, TypeError):
        return {}


def save(file: Path, index: Index) -> None:
    """Write an index atomically.

    Raises:
        InputError: The file cannot be written.
    """
    lines = (_format_line(path, mtime_ns, folder=it) for path, (mtime_ns, it) in index.items())
    body = "".join(f"{line}\n" for line in lines).encode()
    try:
        with atomic_write(file) as temporary, temporary.open("wb") as stream:
            stream.write(json.dumps(_head(body)).encode() + b"\n")
            stream.write(body)
    except OSError as error:
        raise InputError(
            f"{file}: the catalogue cannot be written ({error.strerror or error}); set cache= to a "
            "folder where you may write and the disk has room."
        ) from error


def _head(body: bytes) -> dict[str, object]:
    return {"version": VERSION, "sha256": hashlib.sha256(body).hexdigest()}


def _format_line(path: str, mtime_ns: int, *, folder: Folder) -> str:
    entries = [[entry.slices, entry.digest, *astuple(entry.tags)] for entry in folder.entries]
    return json.dumps([path, mtime_ns, folder.subfolders, folder.sampled, entries, folder.damaged])


def _parse_line(line: bytes) -> tuple[str, tuple[int, Folder]]:
    path, mtime_ns, subfolders, sampled, stored, damaged = json.loads(line)
    entries = [Entry(Tags(*tags), slices, digest) for slices, digest, *tags in stored]
    return path, (
        mtime_ns,
        Folder(subfolders=subfolders, sampled=sampled, entries=entries, damaged=damaged),
    )
