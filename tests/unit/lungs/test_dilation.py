"""Dilation in mm against exact distance transforms."""

import edt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import dilate

SPACINGS = st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 1.25, 2.0, 3.3])] * 3)
SHARES = st.sampled_from([0.002, 0.02, 0.5])


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 10**6),
    # rows of more than two bytes, and of just one or two
    st.tuples(st.integers(1, 14), st.integers(1, 14), st.sampled_from([1, 5, 8, 16, 19, 30])),
    SPACINGS,
    st.floats(0, 12),
    SHARES,
    st.permutations(range(3)),
    st.tuples(*[st.booleans()] * 3),
)
def test_is_every_voxel_within_the_distance(
    laid_out, seed, shape, spacing, distance_mm, share, order, backwards
):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[tuple(n // 2 for n in shape)] = True
    distance = ndimage.distance_transform_edt(~mask, sampling=spacing)
    grown = dilate(laid_out(mask, order, backwards), spacing, distance_mm)
    assert grown.dtype == bool
    assert grown.shape == mask.shape
    # at just the distance it is a matter of rounding
    clear = np.abs(distance - distance_mm) > 1e-4
    assert np.array_equal(grown[clear], (distance <= distance_mm)[clear])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 25)] * 3), st.integers(0, 30), SHARES)
def test_is_exact_where_distances_are_whole_numbers(seed, shape, square, share):
    """Squared distances between voxels of 1 mm are integers: no voxel is left out for rounding."""
    mask = np.random.default_rng(seed).random(shape) < share
    mask[0, 0, 0] = True
    expected = edt.edtsq(np.asfortranarray(~mask), anisotropy=(1, 1, 1), order="F") <= square
    expected |= mask
    assert np.array_equal(dilate(mask, (1.0, 1.0, 1.0), np.sqrt(square)), expected)


@pytest.mark.parametrize("spacing", [0.1, 0.3, 1 / 3, 0.7, 0.8, 2.0])
@pytest.mark.parametrize("steps", [1, 3, 5, 10])
@pytest.mark.parametrize("axis", range(3))
def test_distance_is_inclusive_whatever_the_rounding(spacing, steps, axis):
    mask = np.zeros((25, 3, 3), bool)
    mask[12] = True
    grown = dilate(np.moveaxis(mask, 0, axis), np.roll((spacing, 1, 1), axis), spacing * steps)
    line = np.moveaxis(grown, axis, 0)[:, 1, 1]
    assert np.flatnonzero(line).tolist() == list(range(12 - steps, 13 + steps))


def test_ball_by_hand():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    grown = dilate(mask, (2.0, 1.0, 4.0), 4.0)
    assert np.flatnonzero(grown[:, 4, 4]).tolist() == [2, 3, 4, 5, 6]
    assert np.flatnonzero(grown[4, :, 4]).tolist() == list(range(9))
    assert np.flatnonzero(grown[4, 4, :]).tolist() == [3, 4, 5]
    assert not grown[5, 4, 5]


@pytest.mark.parametrize("distance_mm", [0, 0.49])
def test_distance_below_a_voxel_adds_nothing(distance_mm):
    mask = np.random.default_rng(0).random((9, 10, 11)) < 0.2
    assert np.array_equal(dilate(mask, (0.5, 0.5, 2.0), distance_mm), mask)


def test_distance_larger_than_the_volume_fills_it():
    mask = np.zeros((4, 5, 17), bool)
    mask[0, 4, 16] = True
    assert dilate(mask, (1, 1, 1), 100).all()


def test_empty_mask_stays_empty():
    assert not dilate(np.zeros((4, 5, 6), bool), (1, 1, 1), 4).any()


def test_full_mask_stays_full():
    assert dilate(np.ones((4, 5, 6), bool), (1, 1, 1), 4).all()


def test_mask_is_not_changed():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    dilate(mask, (1, 1, 1), 2)
    assert mask.sum() == 1
