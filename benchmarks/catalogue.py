"""Indexing a DICOM tree, the first time and again, compared with pydicom on every header."""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from benchmarks.markdown import table
from lungcam.cohorts.dicom_index import catalogue

COUNTS = (1_000, 10_000, 100_000)
PLAIN_COUNT = 1_000
SLICES = 10
SERIES = "1.2.3.1{:011d}"
HOW = f"""\
## Indexing a DICOM tree

Series folders of {SLICES} tiny slices (headers only, hard links to one file per series), three per
study. "First" reads headers, "again" finds nothing changed. The plain way is `pydicom.dcmread` with
`stop_before_pixels` on every file.
"""


def section(folder: Path, counts: tuple[int, ...]) -> str:
    """Measure at each number of series.

    Args:
        folder: Scratch folder for the trees.
        counts: Increasing numbers of series.

    Returns:
        Markdown.
    """
    rows, existing = [], 0
    root = folder / "tree"
    plain = ""
    for count in counts:
        grow(root, existing, count)
        existing = count
        time.sleep(2.1)  # younger folders are never taken as unchanged
        cache = folder / f"cache-{count}"
        first, indexed = timed(lambda cache=cache: catalogue(root, cache))
        again, same = timed(lambda cache=cache: catalogue(root, cache))
        assert len(indexed) == count
        assert same == indexed
        if count == PLAIN_COUNT:
            plain = f"{timed(lambda: read_every_file(root))[0]:.1f}"
        ms = f"{first / count * 1000:.2f}", f"{again / count * 1000:.3f}"
        rows.append([count, f"{first:.1f}", f"{again:.2f}", *ms, plain if plain else "-"])
        plain = ""
    head = ["series", "first, s", "again, s", "first, ms each", "again, ms each", "pydicom, s"]
    return f"{HOW}\n{table(head, rows)}\n"


def grow(root: Path, begin: int, end: int) -> None:
    """Add series folders to a tree in NLST's layout."""
    template = header()
    for i in range(begin, end):
        person = 100_000 + i // 9
        series = root / f"{person}" / f"study-{i // 3}" / f"{i}.000000"
        series.mkdir(parents=True)
        first = series / "1-000.dcm"
        first.write_bytes(template.replace(SERIES.format(0).encode(), SERIES.format(i).encode()))
        for k in range(1, SLICES):
            os.link(first, series / f"1-{k:03d}.dcm")


def header() -> bytes:
    """Return the bytes of a CT slice without pixels."""
    slice_ = Dataset()
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID = CTImageStorage
    slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID = "1.2.4"
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    slice_.StudyDate, slice_.Modality, slice_.PatientID = "19990102", "CT", "100001"
    slice_.SliceThickness, slice_.ConvolutionKernel = "2.5", "STANDARD"
    slice_.StudyInstanceUID, slice_.SeriesInstanceUID = "1.2.5", SERIES.format(0)
    slice_.ImagePositionPatient, slice_.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    slice_.Rows = slice_.Columns = 512
    slice_.PixelSpacing = [0.7, 0.7]
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        slice_.save_as(file.name, enforce_file_format=True)
        return Path(file.name).read_bytes()


def read_every_file(root: Path) -> dict[str, int]:
    """Count the slices of each series with pydicom."""
    indexed: dict[str, int] = {}
    for here, _, names in os.walk(root):
        for name in names:
            uid = pydicom.dcmread(Path(here, name), stop_before_pixels=True).SeriesInstanceUID
            indexed[uid] = indexed.get(uid, 0) + 1
    return indexed


def timed(call: Callable[[], object]) -> tuple[float, object]:
    """Return the seconds that a call took, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="catalogue-") as scratch:
        print(section(Path(scratch), tuple(arguments.counts)))
