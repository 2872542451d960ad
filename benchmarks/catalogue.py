"""Indexing a DICOM tree, the first time and again, compared with pydicom on every header."""

import os
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table
from benchmarks.measure import Times, alternate
from lungcam.cohorts.dicom_index import catalogue

COUNTS = (500, 5_000)
FIRST, AGAIN, PLAIN = "lungcam, first", "lungcam, again", "pydicom"
ROUNDS, LIMIT_S = 3, 10
SLICES = 10
SERIES = "1.2.3.1{:011d}"
HOW = f"""\
## Indexing a DICOM tree

Series folders of {SLICES} tiny slices (headers only, hard links to one file per series), three per
study. "First" reads headers, "again" finds nothing changed. *pydicom*: `pydicom.dcmread` with
`stop_before_pixels` on every file. Median (least-most) of {ROUNDS} calls after the first one, of
fewer if they take over {LIMIT_S} s in all.
"""


def measure(folder: str) -> dict[str, Times]:
    """Time the index and pydicom on trees of several sizes.

    Args:
        folder: Folder of the trees, named by their number of series.
    """
    times = {}
    for tree in sorted(Path(folder).glob("*"), key=lambda tree: int(tree.name)):
        with tempfile.TemporaryDirectory(prefix="index-") as kept:
            taken = _measure_tree(tree, Path(kept))
        times |= {_row(name, tree.name): runs for name, runs in taken.items()}
    return times


def _measure_tree(tree: Path, kept: Path) -> dict[str, Times]:
    known, numbers = kept / "known", count()
    series = catalogue(tree, known)
    assert len(series) == int(tree.name)
    assert catalogue(tree, known) == series
    calls = {
        FIRST: lambda: catalogue(tree, kept / f"{next(numbers)}"),
        AGAIN: lambda: catalogue(tree, known),
        PLAIN: lambda: read_every_file(tree),
    }
    return alternate(calls, ROUNDS, limit_s=LIMIT_S)


def section(counts: Sequence[int] = COUNTS) -> str:
    """Measure at each number of series.

    Returns:
        Markdown.
    """
    with tempfile.TemporaryDirectory(prefix="trees-") as folder:
        for number in counts:
            make_tree(Path(folder) / str(number), number)
        time.sleep(2.1)  # younger folders are never taken as unchanged
        results = on_each_set(measure, folder=folder)
    peers = {
        _row(name, str(number)): _row(FIRST, str(number))
        for number in counts
        for name in (FIRST, AGAIN, PLAIN)
    }
    return f"{HOW}\n{ratio_table(results, peers, ratio='times first')}\n"


def _row(name: str, number: str) -> str:
    return f"{name}, {number} series"


def make_tree(root: Path, series_count: int) -> None:
    """Make a tree in NLST's layout."""
    template = header()
    for i in range(series_count):
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


if __name__ == "__main__":
    print(section())
