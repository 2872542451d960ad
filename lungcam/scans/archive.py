"""Archives of a scan, unpacked within bounds into a temporary folder.

An archive may be made to fill a disk or to write elsewhere. Only regular files are unpacked, below
the folder, up to a size, a number and a ratio that no CT reaches.
"""

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from lungcam.findings import ScanCheck

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
MOST_BYTES = 8 << 30
MOST_FILES = 20_000
# bytes unpacked for each byte of the archive; CT slices of nothing but air reach 300
MOST_RATIO = 500
BLOCK = 1 << 20
TOO_MUCH = "the archive holds more files or bytes than a CT scan does"
REMEDY = "unpack it yourself and give the folder"


class _Refused(Exception):
    """Error of an archive that is not unpacked further; the message is for the user."""


def is_archive(path: Path) -> bool:
    """Return True if the file name is that of an archive."""
    return path.name.lower().endswith(ARCHIVES) and path.is_file()


@contextmanager
def unpacked(check: ScanCheck, path: Path) -> Iterator[Path | None]:
    """Unpack an archive for the time of the block.

    Args:
        check: Receives the findings damaged_file, unreadable and unsafe_archive.
        path: Any path.

    Yields:
        A temporary folder for an archive, None if it is refused; any other path as it is.
    """
    if not is_archive(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="lungcam-") as folder:
        try:
            _unpack(path, Path(folder))
        except _Refused as error:
            check.add("unsafe_archive", "refused", message=str(error), remedy=REMEDY)
        except OSError as error:
            message = f"the archive cannot be unpacked ({error.strerror or 'read error'})"
            check.add("unreadable", "refused", message=message, remedy=REMEDY)
        # zipfile, tarfile and zlib raise nearly any error for damaged bytes
        except Exception:
            message = "the archive is damaged or encrypted"
            check.add("damaged_file", "refused", message=message, remedy=REMEDY)
        yield Path(folder) if check.usable else None


def _unpack(path: Path, folder: Path) -> None:
    """Unpack the regular files of an archive."""
    budget = _Budget(min(MOST_BYTES, MOST_RATIO * path.stat().st_size))
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            budget.demand(sum(item.file_size for item in archive.infolist()))
            for item in archive.infolist():
                # the upper half holds the Unix mode: links are no files
                if not item.is_dir() and (item.external_attr >> 28) in (0, 0o10):
                    with archive.open(item) as stream:
                        budget.write(stream, _target(folder, item.filename))
        return
    with tarfile.open(path) as archive:
        for item in archive:
            budget.demand(item.size)
            stream = archive.extractfile(item) if item.isreg() else None
            if stream is not None:
                with stream:
                    budget.write(stream, _target(folder, item.name))


def _target(folder: Path, name: str) -> Path:
    """Return the place of a member below the folder.

    Raises:
        _Refused: The name leads out of the folder.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in name[:2]:
        raise _Refused("a file of the archive would be written outside its folder")
    return folder.joinpath(*parts.parts)


class _Budget:
    """Bytes and files that may still be unpacked."""

    def __init__(self, size: int):
        self.size, self.files = size, MOST_FILES

    def demand(self, size: int) -> None:
        """Refuse files of a declared size that the bounds do not allow.

        Raises:
            _Refused: Nothing of them is unpacked.
        """
        if size > self.size:
            raise _Refused(TOO_MUCH)

    def write(self, stream: IO[bytes], target: Path) -> None:
        """Write a member.

        Raises:
            _Refused: The bounds are exceeded; the rest is not read.
        """
        self.files -= 1
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while self.size >= 0 and self.files >= 0 and (block := stream.read(BLOCK)):
                self.size -= len(block)
                file.write(block)
        if self.size < 0 or self.files < 0:
            shutil.rmtree(target.parent, ignore_errors=True)
            raise _Refused(TOO_MUCH)
