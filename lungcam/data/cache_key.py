"""What a scan is known by: its bytes, and a memory of them.

Keys of prepared inputs: what an input is made from, and by what.
"""

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torchio as tio

import lungcam
from lungcam.runtime.atomic import write_text
from lungcam.scans.itk_formats import read_fields

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


# the code that decides what a prepared input looks like, and how it is kept
CODE = (
    "grid.py",
    "findings.py",
    "scans",
    "lungs",
    "transforms",
    "data/lesion_mask.py",
    "data/cache_entry.py",
    "data/pixel_hash.py",
    "data/prepare.py",
    "data/prepared_sample.py",
)
# whose release may change a voxel
LIBRARIES = (
    "connected-components-3d",
    "nibabel",
    "numpy",
    "pydicom",
    "scipy",
    "SimpleITK",
    "torch",
    "torchio",
)


@cache
def code_version() -> str:
    """Hash of the preparing code and its libraries' versions: nothing older is ever served."""
    digest = hashlib.sha256()
    package = Path(lungcam.__file__).parent
    for name in CODE:
        files = [package / name] if name.endswith(".py") else sorted((package / name).glob("*.py"))
        for file in files:
            digest.update(f"{file.relative_to(package).as_posix()}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    for name in LIBRARIES:
        digest.update(f"{name} {_version(name)}\n".encode())
    return digest.hexdigest()[:32]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        # built by hand: the module alone tells
        return str(getattr(sys.modules.get(name.lower()), "__version__", "unknown"))


def describe(transform: tio.Transform) -> str:
    """All that a transform was made with, those inside it too.

    TorchIO's own repr leaves out what its base class takes (`include`, `p`), and all settings where
    a transform names no `args_names`.
    """
    settings = ", ".join(
        f"{name}={_described(value)}" for name, value in sorted(vars(transform).items())
    )
    kind = type(transform)
    return f"{kind.__module__}.{kind.__qualname__}({settings})"


def _described(value: object) -> str:
    if isinstance(value, tio.Transform):
        return describe(value)
    if isinstance(value, np.ndarray | torch.Tensor):
        array = np.ascontiguousarray(value)
        return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
    if isinstance(value, Mapping):
        # the order counts: it is that of the steps
        return f"{{{', '.join(f'{k!r}: {_described(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_described, value))}]"
    return repr(value)


def cache_key(
    content: str,
    series: str | None,
    *,
    center_mm: Sequence[float] | None,
    transforms: str,
    lesion: str | None = None,
) -> str:
    """Key of a prepared input: what it is made from, and by what.

    Args:
        content: The scan's `content_hash`.
        series: SeriesInstanceUID, where a folder may hold several.
        center_mm: Where the nodule lies.
        transforms: From `describe`.
        lesion: Content hash of the lesion's mask, where it is stored too.
    """
    place = "" if center_mm is None else repr([float(x) for x in center_mm])
    parts = [content, series or "", place, transforms, code_version(), lesion or ""]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
