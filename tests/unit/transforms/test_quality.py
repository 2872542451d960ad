"""The verdict on a prepared subject."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.cohorts.phantom import make_phantom
from lungcam.grid import Grid
from lungcam.lungs import mask_findings, mask_quality, thumbnail
from lungcam.scans import Scan
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    NoduleView,
    pipeline,
    prepare,
    quality,
    shows_whole_chest,
)
from lungcam.transforms.volumes import grid, volume


@pytest.fixture(scope="module")
def lungs():
    steps = {"threshold": HUThreshold(), "components": LungComponents(), "mask": LungMask()}
    return pipeline(steps)


@pytest.fixture(scope="module")
def nodule():
    return pipeline({"view": NoduleView((8, 8, 8))})


@pytest.fixture(scope="module")
def scan():
    """A phantom whose lungs the field of view cuts below."""
    phantom = make_phantom(1, "healthy", matrix=96)
    hu = phantom.hu[:, :, 30:]
    return Scan("a", Path("a.nii.gz"), hu, Grid(hu.shape, phantom.affine))


def test_is_that_of_the_plain_functions(lungs, scan):
    subject = prepare(scan, lungs)
    found = quality(subject)
    hu, inside, mask = (volume(subject, name) for name in ("image", "lungs", "mask"))
    spacing_mm = grid(subject, "image").spacing_mm
    assert found.figures == mask_quality(hu, inside, mask, spacing_mm)
    assert found.findings == mask_findings(found.figures)
    assert [one.code for one in found.findings] == ["cut_bottom"]
    assert np.array_equal(found.picture, thumbnail(hu, inside, mask, spacing_mm))


def test_view_without_masks_has_none(nodule, scan):
    found = quality(prepare(scan, nodule))
    assert (found.figures, found.findings, found.picture) == ({}, [], None)


def test_only_the_view_of_the_lungs_needs_a_whole_chest(lungs, nodule):
    assert shows_whole_chest(lungs)
    assert not shows_whole_chest(nodule)
