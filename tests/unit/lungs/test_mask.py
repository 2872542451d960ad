import numpy as np
import pytest

from lungcam.grid import reorient
from lungcam.lungs import air, dilate, lung_mask, lung_pockets
from lungcam.scans import read_scan


@pytest.mark.parametrize(("threshold", "dilation_mm"), [(-350, 4.0), (-500, 0.0), (-400, 9.5)])
def test_mask_is_its_parts(phantom, threshold, dilation_mm):
    _, hu, _, grid = phantom(2)
    pockets = lung_pockets(air(hu, threshold), grid.spacing_mm)
    expected = dilate(pockets, grid.spacing_mm, dilation_mm)
    mask = lung_mask(hu, grid.spacing_mm, threshold, dilation_mm)
    assert np.array_equal(mask, expected)


def test_default_mask_is_the_lungs_and_4_mm(phantom):
    _, hu, _, grid = phantom(2)
    expected = dilate(lung_pockets(air(hu, -350), grid.spacing_mm), grid.spacing_mm, 4)
    assert np.array_equal(lung_mask(hu, grid.spacing_mm), expected)


@pytest.mark.parametrize("seed", range(4))
def test_mask_holds_the_nodule(phantom, seed):
    """Nodules at the wall are no air: the margin is there for them."""
    drawn, hu, _, grid = phantom(seed, "benign")
    mask = lung_mask(hu, grid.spacing_mm)
    at = np.rint(grid.to_index(np.array(drawn.center_mm))).astype(int)
    assert mask[tuple(at)]


def test_volume_without_lungs_is_refused():
    with pytest.raises(ValueError, match="No lungs"):
        lung_mask(np.full((20, 20, 20), 40, np.int16), (1, 1, 1))


def test_real_lungs_have_the_volume_of_lungs(lidc_series):
    scan = read_scan(lidc_series)
    hu = reorient(scan.hu, scan.grid, scan.grid.canonical)
    spacing = scan.grid.canonical.spacing_mm
    lungs = lung_pockets(air(hu), spacing)
    assert 3 < lungs.sum() * np.prod(spacing) / 1e6 < 5
