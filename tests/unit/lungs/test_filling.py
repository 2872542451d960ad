"""What the lungs enclose is filled, slice by slice, up to an area."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import fill_axial_slices

SPACING = (1.0, 2.0, 5.0)


def ring(half_width: int) -> np.ndarray:
    """Two slices of a block around a gap of (2 half_width)² voxels of 2 mm²."""
    mask = np.zeros((60, 60, 4), bool)
    mask[5:55, 5:55, 1:3] = True
    mask[30 - half_width : 30 + half_width, 30 - half_width : 30 + half_width] = False
    return mask


def test_a_tumour_is_filled_and_the_dome_of_the_liver_is_not():
    small, large = ring(13), ring(14)  # 13.5 and 15.7 cm²
    assert fill_axial_slices(small, SPACING, 15.0)[30, 30].tolist() == [False, True, True, False]
    assert np.array_equal(fill_axial_slices(large, SPACING, 15.0), large)
    assert fill_axial_slices(large, SPACING)[30, 30, 1]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 0.9))
def test_without_a_limit_it_is_scipys(seed, share):
    mask = np.random.default_rng(seed).random((9, 8, 3)) < share
    mask[4, 4, 1] = True
    before = mask.copy()
    expected = [ndimage.binary_fill_holes(mask[:, :, k]) for k in range(3)]
    assert np.array_equal(fill_axial_slices(mask, SPACING), np.stack(expected, axis=2))
    assert np.array_equal(mask, before)
