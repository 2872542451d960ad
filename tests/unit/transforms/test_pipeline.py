"""A changed scan is shown in the frame of the original."""

import numpy as np
import pytest

from lungcam.explain.erase import sphere
from lungcam.grid import Grid
from lungcam.scans import Scan
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    NoduleView,
    ZeroCentre,
    pipeline,
    prepare,
)
from lungcam.transforms.again import prepare_again
from lungcam.transforms.volumes import grid, volume

AFFINE = np.diag([-4.0, 4.0, 5.0, 1.0])


@pytest.fixture(scope="module")
def scan():
    """A body with two lungs and a lesion on the wall of one; axes run to the patient's left."""
    at = Grid((80, 60, 50), AFFINE)
    hu = np.full(at.shape, -1000, np.int16)
    hu[8:72, 8:52] = 40
    hu[14:36, 14:46, 5:45] = -850
    hu[44:66, 14:46, 5:45] = -850
    hu += np.random.default_rng(0).integers(-20, 20, at.shape).astype(np.int16)
    hu[14:22, 26:34, 20:28] = 50
    return Scan("s", "s", hu, at)


def lung_steps():
    return pipeline(
        {
            "threshold": HUThreshold(-350),
            "components": LungComponents(),
            "mask": LungMask("cavity", 4),
            "view": LungView((32, 24, 32), 9.0),
            "normalise": ZeroCentre(),
        }
    )


@pytest.mark.parametrize("steps", [lung_steps(), pipeline({"view": NoduleView((16,) * 3, 4.0)})])
def test_an_unchanged_scan_is_prepared_as_before(scan, steps):
    center = scan.grid.to_world((18, 30, 24))
    subject = prepare(scan, steps, center)
    again = prepare_again(subject, volume(subject, "image"), steps)
    for name in ("input", "input_lungs"):
        assert np.array_equal(volume(again, name), volume(subject, name))
        assert np.array_equal(grid(again, name).affine, grid(subject, name).affine)


def test_the_frame_stays_where_a_lesion_on_the_wall_is_gone(scan):
    steps = lung_steps()
    subject = prepare(scan, steps)
    at, hu = grid(subject, "image"), volume(subject, "image")
    changed = hu.copy()
    changed[sphere(at, scan.grid.to_world((18, 30, 24)), 40)] = -850
    again = prepare_again(subject, changed, steps)
    assert np.array_equal(grid(again, "input").affine, grid(subject, "input").affine)
    assert np.array_equal(volume(again, "lungs"), volume(subject, "lungs"))
    # far from it only the normalisation differs, by a little
    differs = np.abs(volume(again, "input") - volume(subject, "input")) > 0.1
    assert differs.any()
    points = grid(again, "input").to_world(np.argwhere(differs))
    assert np.linalg.norm(points - scan.grid.to_world((18, 30, 24)), axis=1).max() < 50
