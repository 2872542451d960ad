"""Fixtures: DICOM series with all UIDs, a heat-map, and a reader of the results."""

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
    """Function of (folder, ...): write a series with all UIDs and read it."""

    def write_and_read(folder: Path, **settings):
        uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
        write_series(folder, hu, **(uids | settings))
        return read_scan(folder)

    return write_and_read


@pytest.fixture
def heat(hu):
    """`(W, H, D)` float32, mostly 0 like a heat-map, with one peak on either side of 0."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=hu.shape).clip(0).astype(np.float32)
    values[3, 7, 2], values[8, 2, 6] = 7.25, -4.5
    return values


@pytest.fixture
def description():
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
    """Function of a folder: read its series with SimpleITK."""

    def read(folder: Path) -> sitk.Image:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        return reader.Execute()

    return read
