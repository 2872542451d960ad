"""Series with all that DICOM lets them say of a patient, and readers to look at the results."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from lungcam.dicom import ObjectDescription
from lungcam.scans import read_scan

from ..scans.conftest import edit, hu, write_series

__all__ = ["edit", "hu", "write_series"]

pytest.importorskip("highdicom", reason="needs the extra dicom")


@pytest.fixture
def series(write_series, hu):
    """Function of (folder, ...) that writes a series with all UIDs and reads it."""

    def make(folder: Path, **settings):
        uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
        write_series(folder, hu, **(uids | settings))
        return read_scan(folder)

    return make


@pytest.fixture
def heat(hu):
    """`(W, H, D)` float32 with one peak on either side of 0, mostly 0, as maps are."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=hu.shape).clip(0).astype(np.float32)
    values[3, 7, 2], values[8, 2, 6] = 7.25, -4.5
    return values


@pytest.fixture
def told():
    return ObjectDescription(
        method="Grad-CAM",
        code="gradcam",
        evidence="both",
        model="Small3D",
        checkpoint="ab" * 32,
        label_rule="1: malignant",
    )


@pytest.fixture
def read_slices():
    """Function of a folder that reads it as SimpleITK reads a series."""

    def read(folder: Path) -> sitk.Image:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        return reader.Execute()

    return read
