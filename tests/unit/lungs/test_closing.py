"""Closing in mm against scipy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import close
from lungcam.lungs.closing import WORKING_SPACING_MM

ISOTROPIC = (WORKING_SPACING_MM,) * 3


def closed_by_scipy(mask: np.ndarray, radius_mm: float, spacing_mm) -> np.ndarray:
    """Euclidean closing, as if there were empty voxels all around."""
    reach = [int(radius_mm / mm) + 2 for mm in spacing_mm]
    padded = np.pad(mask, [(n, n) for n in reach])
    grown = ndimage.distance_transform_edt(~padded, sampling=spacing_mm) <= radius_mm + 1e-4
    shrunk = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius_mm + 1e-4
    return shrunk[tuple(slice(n, -n) for n in reach)]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 7), st.sampled_from([0.005, 0.05, 0.5]))
def test_is_that_of_scipy_on_the_working_grid(seed, steps, share):
    """The working grid stands on the voxels where the radius is of whole steps."""
    mask = np.random.default_rng(seed).random((14, 13, 12)) < share
    mask[4:9, 5:9, 3:7] = True
    radius_mm = steps * WORKING_SPACING_MM
    expected = closed_by_scipy(mask, radius_mm, ISOTROPIC)
    assert np.array_equal(close(mask, ISOTROPIC, radius_mm), expected)


def test_is_binary_closing_with_a_ball():
    """A second oracle: scipy's own closing with the ball as structuring element."""
    mask = np.random.default_rng(1).random((20, 20, 20)) < 0.02
    apart = np.indices((9, 9, 9)) - 4
    ball = np.square(apart).sum(axis=0) <= 4**2
    expected = ndimage.binary_closing(np.pad(mask, 6), ball)[6:-6, 6:-6, 6:-6]
    assert np.array_equal(close(mask, ISOTROPIC, 12.0), expected)
    assert expected.sum() > 2 * mask.sum()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.tuples(*[st.integers(1, 30)] * 3),
    st.tuples(*[st.sampled_from([0.6, 0.8, 1.5, 3.0, 5.0])] * 3),
    st.floats(0, 15),
    st.permutations(range(3)),
    st.tuples(*[st.booleans()] * 3),
)
def test_holds_the_mask_in_any_layout(laid_out, seed, shape, spacing, radius, order, backwards):
    mask = ndimage.uniform_filter(np.random.default_rng(seed).random(shape), 3) > 0.55
    mask[0, 0, 0] = True
    before = mask.copy()
    expected = close(mask, spacing, radius)
    assert expected.dtype == bool
    assert expected[mask].all()
    assert np.array_equal(close(laid_out(mask, order, backwards), spacing, radius), expected)
    assert np.array_equal(mask, before)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 7))
def test_closing_again_changes_nothing_on_the_working_grid(seed, steps):
    mask = np.random.default_rng(seed).random((14, 13, 12)) < 0.03
    mask[4:9, 5:9, 3:7] = True
    once = close(mask, ISOTROPIC, steps * WORKING_SPACING_MM)
    assert np.array_equal(close(once, ISOTROPIC, steps * WORKING_SPACING_MM), once)


def test_closing_again_changes_little_on_a_finer_grid(found, phantom):
    lungs, _ = found(2)
    spacing = phantom(2).grid.spacing_mm
    once = close(lungs, spacing, 20)
    assert (close(once, spacing, 20) & ~once).sum() < 0.01 * once.sum()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 2.5), (3.0, 3.0, 5.0)])
def test_bays_narrower_than_the_ball_come_back_and_wider_ones_stay(spacing):
    """Two bays of 24 mm depth, 24 mm square and 60 mm wide; the ball measures 40 mm."""
    shape = [int(n / mm) for n, mm in zip((180, 80, 60), spacing, strict=True)]
    x, y, z = (np.indices(shape)[axis] * spacing[axis] for axis in range(3))
    mask = (np.abs(x - 90) < 80) & (np.abs(y - 40) < 30) & (np.abs(z - 30) < 25)
    deep = y > 46
    narrow = (np.abs(x - 50) < 12) & (np.abs(z - 30) < 12) & deep & mask
    wide = (np.abs(x - 120) < 30) & deep & mask
    closed = close(mask & ~narrow & ~wide, spacing, 20)
    # the ball dips 4 mm into the mouth
    assert closed[narrow & (y < 62)].mean() > 0.99
    assert 0.8 < closed[narrow].mean() < 1
    # the ball enters down to the ground, but not the corners
    ground = wide & (np.abs(x - 120) < 6)
    assert closed[ground].mean() < 0.1
    # nothing grows outwards
    assert not closed[~ndimage.binary_dilation(mask, iterations=2)].any()
    assert closed[~mask].sum() < 0.02 * mask.sum()


def test_bay_at_the_volumes_border_is_closed_as_elsewhere():
    mask = np.zeros((30, 30, 30), bool)
    mask[4:26, 0:20] = True
    mask[12:18, 6:20, 8:22] = False
    shifted = np.roll(mask, 6, axis=1)
    assert not shifted[:, :6].any()
    closed, elsewhere = close(mask, ISOTROPIC, 20), close(shifted, ISOTROPIC, 20)
    assert np.array_equal(np.roll(elsewhere, -6, axis=1), closed)
    assert closed[12:18, 6:18, 8:22].all()
