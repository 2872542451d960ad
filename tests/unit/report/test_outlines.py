from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.cohorts import Sample, ScanNodule
from lungcam.grid import Grid
from lungcam.report.outlines import outlines_of

SPACING_MM = (0.7, 0.8, 2.5)
CENTER_MM = (-31.0, 42.5, -103.0)
SAMPLE = Sample(
    sample_id="a",
    patient_id="p",
    image=Path("a.nii.gz"),
    label=1,
    label_source="",
    center_mm=CENTER_MM,
    diameter_mm=12.0,
)


@pytest.fixture
def flipped():
    """Grid of a scan with axes towards left, back and head, as in DICOM."""
    affine = np.diag([-0.7, -0.8, 2.5, 1])
    affine[:3, 3] = (120, 150, -300)
    return Grid((512, 512, 133), affine)


def test_lesion_is_outlined_at_the_voxel_that_itk_finds(flipped):
    image = sitk.Image(512, 512, 133, sitk.sitkUInt8)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-120, -150, -300))  # LPS, lungcam has RAS
    index = image.TransformPhysicalPointToContinuousIndex(
        (-CENTER_MM[0], -CENTER_MM[1], CENTER_MM[2])
    )
    # the canonical grid runs the other way along x and y
    canonical = (511 - index[0], 511 - index[1], index[2])
    (outline,) = outlines_of(SAMPLE, flipped.canonical)
    assert outline.center_mm == pytest.approx(np.multiply(canonical, SPACING_MM), abs=1e-3)
    assert outline.radius_mm == 6


def test_without_a_lesion_there_is_no_outline(flipped):
    for change in ({"diameter_mm": 0.0}, {"center_mm": None}):
        assert outlines_of(replace(SAMPLE, **change), flipped.canonical) == ()


def test_lesion_of_unknown_size_is_marked_at_its_centre(flipped):
    (outline,) = outlines_of(replace(SAMPLE, diameter_mm=None), flipped.canonical)
    assert outline.radius_mm == 0


def test_each_nodule_that_counts_is_outlined_once(flipped):
    nodules = (
        ScanNodule(CENTER_MM, 12.0, True),
        ScanNodule((10.0, 20.0, -90.0), 8.0, True),
        ScanNodule((30.0, 20.0, -90.0), 3.0, False),
    )
    outlines = outlines_of(replace(SAMPLE, nodules=nodules), flipped.canonical)
    assert [outline.radius_mm for outline in outlines] == [6, 4]
