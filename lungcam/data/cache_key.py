"""Keys of prepared inputs: hashes of the scan, the transforms, the code and the libraries."""

import hashlib
import inspect
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torchio as tio

import lungcam
from lungcam.config.plugins import OWN_PACKAGES, code_hash
from lungcam.runtime.atomic import write_text
from lungcam.scans.companions import scan_files

# within a tick of a file system's clock a file may change again without a change of its time
SETTLED_NS = 2 * 10**9
# code that decides the content of a prepared input and its file
CODE = (
    "grid.py",
    "findings.py",
    "config/paths.py",
    "scans",
    "lungs",
    "masks",
    "transforms",
    "data/lesion_mask.py",
    "data/cache_entry.py",
    "data/pixel_hash.py",
    "data/prepare.py",
    "data/prepared_sample.py",
    "data/scan_traits.py",
)
# libraries that may change a voxel in another release
LIBRARIES = (
    "connected-components-3d",
    "isal",
    "nibabel",
    "numpy",
    "pydicom",
    "scipy",
    "SimpleITK",
    "torch",
    "torchio",
)


def content_hash(scan: Path) -> str:
    """Return the SHA-256 of a scan's bytes: a file's, or those of all files of a DICOM folder."""
    return _hash_files(_scan_files(scan))


def content_stamp(scan: Path) -> str:
    """Return the SHA-256 of path, size and times of change of a scan's files, without reading.

    Raises:
        OSError: The status of a file cannot be read.
    """
    return _stamp(_scan_files(scan), strict=True)[0]


class ContentHashes:
    """Memory of `content_hash` on disk, so that known scans are not read again.

    A scan is identified by its path and by the name, size and modification time of all its files.
    One object checks each scan once. Use it in a `with` block, or call `save`.

    Args:
        root: Folder of the cache; the memory is its hashes.json.
    """

    def __init__(self, root: Path):
        self.file = root / "hashes.json"
        self._stored = self._read()
        self._checked: dict[Path, str] = {}
        self._new: dict[str, list[str]] = {}

    def of(self, scan: Path) -> str:
        """Return the scan's `content_hash`.

        Raises:
            OSError: A file cannot be read.
        """
        if scan not in self._checked:
            self._checked[scan] = self._look_up(scan)
        return self._checked[scan]

    def save(self) -> None:
        """Add new hashes to the memory on disk, which other processes may have changed."""
        if not self._new:
            return
        # in a read-only folder the scans are read again the next time, no more
        with suppress(OSError):
            write_text(self.file, json.dumps(self._read() | self._new, indent=0) + "\n")
            self._new = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # after an error, too
        self.save()

    def _look_up(self, scan: Path) -> str:
        now = time.time_ns()
        files = _scan_files(scan)
        # before the files are read: a change meanwhile changes the stamp
        stamp, latest = _stamp(files)
        name = str(scan.absolute())
        stored_stamp, content = self._stored.get(name, ("", ""))
        if stored_stamp == stamp:
            return content
        content = _hash_files(files)
        if files and latest < now - SETTLED_NS:
            self._new[name] = [stamp, content]
        return content

    def _read(self) -> dict[str, list[str]]:
        """Read the memory on disk; empty if it is damaged."""
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict):
            return {}
        return {name: entry for name, entry in content.items() if _is_entry(entry)}


def is_memory(file: Path) -> bool:
    """Return True if a file is a memory of hashes on disk."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and all(map(_is_entry, content.values()))


@cache
def code_version() -> str:
    """Return a hash of the preparing code and its libraries' versions.

    With another version no input of an older one is used.
    """
    package = Path(lungcam.__file__).parent
    digest = hashlib.sha256()
    for name in CODE:
        path = package / name
        for file in [path] if name.endswith(".py") else sorted(path.glob("*.py")):
            digest.update(f"{file.relative_to(package).as_posix()}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    for name in LIBRARIES:
        digest.update(f"{name} {_version(name)}\n".encode())
    return digest.hexdigest()[:32]


def describe(transform: tio.Transform) -> str:
    """Describe a transform by all its settings, with those of the transforms inside it.

    TorchIO's own repr leaves out the settings of its base class (`include`, `p`), and all settings
    of a transform without `args_names`. The code of a transform of the user's own is described by
    its hash.
    """
    settings = ", ".join(
        f"{name}={_described(value)}" for name, value in sorted(vars(transform).items())
    )
    kind = type(transform)
    return f"{kind.__module__}.{kind.__qualname__}({settings}){_own_code(*kind.__mro__)}"


def cache_key(
    content: str,
    series: str | None,
    *,
    center_mm: Sequence[float] | None,
    transforms: str,
    masks: Sequence[str] = (),
    reading: str = "",
) -> str:
    """Return the key of a prepared input.

    Args:
        content: The scan's `content_hash`.
        series: SeriesInstanceUID, if a folder may hold several.
        center_mm: Centre of the nodule in RAS mm.
        transforms: From `describe`.
        masks: Content hashes of the masks that it is made with, with their segments.
        reading: Settings of the reader.
    """
    place = "" if center_mm is None else repr([float(x) for x in center_mm])
    parts = [content, series or "", place, transforms, code_version(), *masks, reading]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _stamp(files: Sequence[Path], *, strict: bool = False) -> tuple[str, int]:
    """Return the stamp of files, and the latest modification time in ns.

    Args:
        files: The files.
        strict: True to stamp the file's number and the time of any change, too: a program can set
            back the time at which the content was modified.
    """
    stamp, latest = hashlib.sha256(), 0
    for file in files:
        stat = file.stat()
        latest = max(latest, stat.st_mtime_ns)
        changed = (stat.st_ctime_ns, stat.st_ino) if strict else ()
        name = os.fsencode(file.absolute())
        stamp.update(repr((name, stat.st_size, stat.st_mtime_ns, *changed)).encode())
    return stamp.hexdigest(), latest


def _scan_files(scan: Path) -> list[Path]:
    return [file for file in scan_files(scan) if file.is_file()]


def _hash_files(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and all(isinstance(value, str) for value in entry)
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        # built from source without metadata: only the module has it
        return str(getattr(sys.modules.get(name.lower()), "__version__", "unknown"))


def _own_code(*kinds: Any) -> str:
    """Return the hashes of the user's own code that defines classes or functions."""
    packages = {str(getattr(kind, "__module__", "")).partition(".")[0] for kind in kinds}
    own = sorted(packages - OWN_PACKAGES - sys.stdlib_module_names)
    return "".join(f" by {package} {code_hash(package)}" for package in own)


def _described(value: object) -> str:
    if isinstance(value, tio.Transform):
        return describe(value)
    # a name does not tell functions within functions apart: their repr has the address
    if inspect.isroutine(value) and "<" not in value.__qualname__:
        return f"{value.__module__}.{value.__qualname__}{_own_code(value)}"
    if isinstance(value, np.ndarray | torch.Tensor):
        array = np.ascontiguousarray(value)
        return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
    if isinstance(value, Mapping):
        # the order counts: it is the order of the transforms
        return f"{{{', '.join(f'{k!r}: {_described(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_described, value))}]"
    return repr(value)
