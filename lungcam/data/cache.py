"""Prepared inputs on disk, kept by what they were made from."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

import lungcam
from lungcam.files import whole
from lungcam.scans.text_header import read_fields

# the code that decides what a prepared input looks like
CODE = (
    "grid.py",
    "verdict.py",
    "scans",
    "lungs",
    "transforms",
    "data/preparation.py",
    "data/pixels.py",
)


@cache
def code_version() -> str:
    """Hash of the preparing code: when it changes, nothing old is served."""
    digest = hashlib.sha256()
    package = Path(lungcam.__file__).parent
    for name in CODE:
        files = [package / name] if name.endswith(".py") else sorted((package / name).glob("*.py"))
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def content_hash(scan: Path) -> str:
    """SHA-256 of a scan's bytes: a file's, or those of all files of a DICOM folder."""
    digest = hashlib.sha256()
    # a series may lie deeper
    files = sorted(scan.rglob("*")) if scan.is_dir() else [scan]
    if scan.suffix.lower() == ".mhd":
        # the voxels lie in the file that the header names
        files.append(scan.parent / read_fields(scan, "=")[0].get("elementdatafile", ""))
    for file in files:
        if file.is_file():
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def cache_key(
    content: str, series: str | None, center_mm: Sequence[float] | None, transforms: str
) -> str:
    """Key of a prepared input: what it is made from, and by what.

    Args:
        content: The scan's `content_hash`.
        series: SeriesInstanceUID, where a folder may hold several.
        center_mm: Where the nodule lies.
        transforms: Their repr.
    """
    place = "" if center_mm is None else repr([float(x) for x in center_mm])
    parts = [content, series or "", place, transforms, code_version()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def store(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays by name, whole or not at all."""
    with whole(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def load(file: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read what `store` wrote, or only some arrays of it."""
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in names or arrays.files}
