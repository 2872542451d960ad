"""What a scan is known by: its bytes, and a memory of them."""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from lungcam.files import write_text
from lungcam.scans.text_header import read_fields

# within the clock of a file system a file may change again and bear the same time
SETTLED_NS = 2 * 10**9


def content_hash(scan: Path) -> str:
    """SHA-256 of a scan's bytes: a file's, or those of all files of a DICOM folder."""
    return _hash_files(_files_of(scan))


def content_stamp(scan: Path) -> str:
    """SHA-256 of path, size and time of change of all files of a scan, which are not read.

    Raises:
        OSError: A file cannot be asked.
    """
    return _stamp(_files_of(scan))[0]


def _stamp(files: Sequence[Path]) -> tuple[str, int]:
    """The stamp of files, and the latest time of change in ns."""
    stamp, latest = hashlib.sha256(), 0
    for file in files:
        found = file.stat()
        latest = max(latest, found.st_mtime_ns)
        stamp.update(repr((str(file.absolute()), found.st_size, found.st_mtime_ns)).encode())
    return stamp.hexdigest(), latest


def _files_of(scan: Path) -> list[Path]:
    # a series may lie deeper
    files = sorted(scan.rglob("*")) if scan.is_dir() else [scan]
    if scan.suffix.lower() == ".mhd":
        # the voxels lie in the file that the header names
        files.append(scan.parent / read_fields(scan, "=")[0].get("elementdatafile", ""))
    return [file for file in files if file.is_file()]


def _hash_files(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


class ContentHashes:
    """`content_hash` with a memory on disk, so that known scans are not read again.

    A scan is known by its path and by the name, size and time of change of all its files. Within
    one object each scan is looked at once. Use it in a `with` block, or call `save`.

    Args:
        root: Folder of the cache; the memory is its hashes.json.
    """

    def __init__(self, root: Path):
        self.file = root / "hashes.json"
        self._known = self._read()
        self._found: dict[Path, str] = {}
        self._new: dict[str, list[str]] = {}

    def of(self, scan: Path) -> str:
        """The scan's `content_hash`.

        Raises:
            OSError: A file cannot be read.
        """
        if scan not in self._found:
            self._found[scan] = self._look_up(scan)
        return self._found[scan]

    def save(self) -> None:
        """Write what is new, beside what others have written meanwhile."""
        if not self._new:
            return
        # a folder that takes no files costs the time to read the scans again, no more
        with suppress(OSError):
            write_text(self.file, json.dumps(self._read() | self._new, indent=0) + "\n")
            self._new = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # stopped halfway, too
        self.save()

    def _look_up(self, scan: Path) -> str:
        now = time.time_ns()
        files = _files_of(scan)
        # before they are read: what changes meanwhile does not bear this stamp
        stamp, latest = _stamp(files)
        name = str(scan.absolute())
        known, content = self._known.get(name, ("", ""))
        if known == stamp:
            return content
        content = _hash_files(files)
        if files and latest < now - SETTLED_NS:
            self._new[name] = [stamp, content]
        return content

    def _read(self) -> dict[str, list[str]]:
        """The memory on disk; empty where it is damaged."""
        try:
            known = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {name: entry for name, entry in known.items() if _is_entry(entry)}


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, list) and len(entry) == 2 and all(isinstance(one, str) for one in entry)
    )
