"""Record of the files that lungcam has written into a folder: it replaces and deletes no others.

A file counts as lungcam's own if name, size and SHA-256 are in the record. What a user has put
there, or has changed since, is neither replaced nor deleted. The record is only ever appended to,
before a file takes its name: a kill at any moment leaves no file of lungcam's without its line.
"""

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lungcam.errors import InputError

NAME = ".lungcam-written"
# the record of a folder holds for files so many folders below it
MOST_DEPTH = 2
# lines after which a record is shortened to the last ones of each file
LONGEST = 10_000
KEPT = 2

_records: dict[Path, "WrittenFiles"] = {}
_lock = threading.RLock()


class ForeignFile(InputError):
    """A file that lungcam has not written is where it has to write."""


class WrittenFiles:
    """Record of the files that lungcam has written into a folder.

    Made by `keep_record`, found by `record_of`.

    Args:
        folder: Folder with the record.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.file = folder / NAME
        self._digests: dict[str, list[tuple[int, str]]] = {}
        # identity of the files that this process has written or compared
        self._sure: dict[str, tuple[int, int, int]] = {}
        self._read, self._inode = 0, -1
        self.depth = 0

    def is_own(self, file: Path) -> bool:
        """Return True if a regular file is, to the last byte, one that lungcam has written."""
        with _lock:
            self._refresh()
            name = self._name(file)
            if file.is_symlink() or not file.is_file():
                return False
            status = file.stat()
            identity = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self._sure.get(name) == identity:
                return True
            entries = self._digests.get(name, ())
            known = [digest for size, digest in entries if size == status.st_size]
            if not known or _digest(file) not in known:
                return False
            self._sure[name] = identity
            return True

    def refuse_foreign(self, files: Iterable[Path]) -> None:
        """Refuse to replace files that lungcam has not written; those that are absent may come.

        Raises:
            ForeignFile: Names the first such file.
        """
        for file in files:
            if os.path.lexists(file) and not self.is_own(file):
                raise ForeignFile(
                    f"{file}: lungcam has not written this, or it was changed since; move it away, "
                    "or give another folder."
                )

    def claim(self, file: Path, content: Path) -> None:
        """Add a file to the record before `content` is renamed to it.

        Raises:
            ForeignFile: It would replace a file that lungcam has not written.
            OSError: The record cannot be written.
        """
        with _lock:
            self.refuse_foreign([file])
            self._append(self._name(file), content.stat().st_size, _digest(content))

    def discard(self, file: Path) -> None:
        """Delete a file, if it is there.

        Raises:
            ForeignFile: lungcam has not written it.
        """
        self.refuse_foreign([file])
        file.unlink(missing_ok=True)

    def lists(self, file: Path) -> bool:
        """Return True if a file's name is in the record, whatever it holds now."""
        with _lock:
            self._refresh()
            return self._name(file) in self._digests

    def holds(self, file: Path) -> bool:
        """Return True if the record holds for a file of this name."""
        with suppress(ValueError):
            return len(file.absolute().relative_to(self.folder).parts) <= self.depth + 1
        return False

    def _name(self, file: Path) -> str:
        return file.absolute().relative_to(self.folder).as_posix()

    def _refresh(self) -> None:
        """Read the lines that were appended since, by any process."""
        with suppress(FileNotFoundError), self.file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if status.st_ino != self._inode or status.st_size < self._read:
                self._digests.clear()
                self._read, self._inode = 0, status.st_ino
            stream.seek(self._read)
            content = stream.read()
            # a line that is cut short is not complete yet, or was never written
            whole = content.rfind(b"\n") + 1
            self._read += whole
            for line in content[:whole].splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        with suppress(ValueError, RecursionError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                self.depth = min(int(entry.get("depth", 0)), MOST_DEPTH)
            elif isinstance(entry, list) and len(entry) == 3:
                name, size, digest = entry
                self._digests.setdefault(str(name), []).append((size, digest))

    def _append(self, *entry: Any) -> None:
        self._refresh()
        # a line that was cut short by a full disk is closed first
        line = f"\n{json.dumps(entry)}\n".encode()
        descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(28, os.strerror(28), str(self.file))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def shorten(self) -> None:
        """Keep the last lines of each file, if the record has become long."""
        with _lock:
            self._refresh()
            if sum(map(len, self._digests.values())) > LONGEST:
                entries = [
                    [name, size, digest]
                    for name, known in self._digests.items()
                    for size, digest in known[-KEPT:]
                ]
                _write(self.file, [{"lungcam": 1, "depth": self.depth}, *entries])


def keep_record(folder: Path, *, depth: int = 0) -> WrittenFiles:
    """Begin the record of a folder, which is made if it is missing, or continue it.

    From then on `atomic_write` replaces only files in it that are in the record.

    Args:
        folder: Folder that lungcam writes to.
        depth: Number of levels of folders below it for which the record holds, too.

    Raises:
        OSError: The folder cannot be made or written.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / NAME
    if not os.path.lexists(file):
        _write(file, [{"lungcam": 1, "depth": depth}])
    record = open_record(folder)
    record.shorten()
    return record


def open_record(folder: Path) -> WrittenFiles:
    """Return the record of a folder; an empty one where there is none, which is not begun."""
    record = record_of(folder / NAME)
    own = record is not None and record.folder == folder.absolute()
    return record if own else WrittenFiles(folder.absolute())


def record_of(file: Path) -> WrittenFiles | None:
    """Return the record that holds for a file: the nearest above it; None without one."""
    file = file.absolute()
    for folder in file.parents[: MOST_DEPTH + 1]:
        if not os.path.lexists(folder / NAME):
            continue
        with _lock:
            record = _records.setdefault(folder, WrittenFiles(folder))
            record._refresh()
            return record if record.holds(file) else None
    return None


def _write(file: Path, entries: Iterable[Any]) -> None:
    temporary = file.with_name(f"{NAME}-{secrets.token_hex(4)}")
    try:
        temporary.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), "utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
