"""A disk that is full at any moment: the error names the file, and nothing is half-written."""

import errno
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lungcam.data.cache_entry import read_entry, write_entry
from lungcam.grid import Grid
from lungcam.runtime.atomic import atomic_write, write_json, write_table, write_text
from lungcam.runtime.written import NAME, ForeignFile, keep_record
from lungcam.scans import write_volume

from .small_disk import small_disk

SIZE, MOMENTS = 2 << 20, 20
NOISE = np.random.default_rng(0).integers(-1000, 400, (64, 64, 64)).astype(np.int16)


@pytest.fixture
def disk(tmp_path):
    """Return a small file system of its own."""
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(tmp_path, SIZE))
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root may mount a small disk")
        yield disk


def checkpoint(file: Path) -> None:
    with atomic_write(file) as temporary:
        torch.save({"weights": torch.rand(100_000)}, temporary)


def dicom(file: Path) -> None:
    # pydicom raises an OSError of its own, without a number
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2"
    dataset.PixelData = NOISE.tobytes()
    dataset["PixelData"].VR = "OW"
    with atomic_write(file) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)


WRITERS = {
    "text": lambda file: write_text(file, "x" * 300_000),
    "json": lambda file: write_json(file, list(range(50_000))),
    "table": lambda file: write_table(file, ["a"], rows=[{"a": n} for n in range(50_000)]),
    "volume": lambda file: write_volume(file, NOISE, grid=Grid(NOISE.shape, np.eye(4))),
    "entry": lambda file: write_entry(file, {}, arrays={"input": NOISE}),
    "checkpoint": checkpoint,
    "dicom": dicom,
}


def fill(disk: Path, free: int) -> None:
    """Fill the disk up to so many bytes."""
    status = os.statvfs(disk)
    available = status.f_bavail * status.f_frsize
    (disk / "ballast").write_bytes(bytes(max(0, available - free)))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_leaves_the_old_file_and_the_same_command_works_later(disk, writer):
    file, write = disk / "a.nii.gz", WRITERS[writer]
    keep_record(disk)
    write_text(file, "old")
    refused = []
    for moment in range(MOMENTS):
        fill(disk, moment * SIZE // 4 // MOMENTS)
        error = None
        try:
            write(file)
        except OSError as raised:
            error = raised
        assert {path.name for path in disk.iterdir()} == {NAME, "a.nii.gz", "ballast"}
        (disk / "ballast").unlink()
        if error is None:
            assert keep_record(disk).is_own(file)
            write_text(file, "old")
            continue
        refused.append(moment)
        assert error.errno == errno.ENOSPC
        assert error.filename == str(file)
        assert file.read_text() == "old"
    assert refused
    write(file)
    if writer == "entry":
        assert read_entry(file).is_intact("input")
    # the record has outlived it all
    file.write_bytes(b"the user's own")
    with pytest.raises(ForeignFile):
        write(file)
