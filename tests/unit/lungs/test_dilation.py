"""Dilation in mm against the exact distance transform of scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import dilate

spacings = st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 1.25, 2.0, 3.3])] * 3)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10**6),
    st.tuples(*[st.integers(1, 14)] * 3),
    spacings,
    st.floats(0, 8),
    st.sampled_from([0.002, 0.02, 0.5]),
)
def test_is_every_voxel_within_the_distance(seed, shape, spacing, distance_mm, share):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[0, 0, 0] = True
    distance = ndimage.distance_transform_edt(~mask, sampling=spacing)
    grown = dilate(mask, spacing, distance_mm)
    assert grown.dtype == bool
    # at just the distance it is a matter of rounding
    clear = np.abs(distance - distance_mm) > 1e-4
    assert np.array_equal(grown[clear], (distance <= distance_mm)[clear])


@pytest.mark.parametrize("spacing", [0.1, 0.3, 1 / 3, 0.7, 0.8, 2.0])
@pytest.mark.parametrize("steps", [1, 3, 5, 10])
def test_distance_is_inclusive_whatever_the_rounding(spacing, steps):
    mask = np.zeros((25, 3, 3), bool)
    mask[12] = True
    grown = dilate(mask, (spacing, 1, 1), spacing * steps)
    assert np.flatnonzero(grown[:, 1, 1]).tolist() == list(range(12 - steps, 13 + steps))


def test_ball_by_hand():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    grown = dilate(mask, (2.0, 1.0, 4.0), 4.0)
    assert np.flatnonzero(grown[:, 4, 4]).tolist() == [2, 3, 4, 5, 6]
    assert np.flatnonzero(grown[4, :, 4]).tolist() == list(range(9))
    assert np.flatnonzero(grown[4, 4, :]).tolist() == [3, 4, 5]
    assert not grown[5, 4, 5]


def test_empty_mask_stays_empty():
    assert not dilate(np.zeros((4, 5, 6), bool), (1, 1, 1), 4).any()


def test_full_mask_stays_full():
    assert dilate(np.ones((4, 5, 6), bool), (1, 1, 1), 4).all()


def test_mask_is_not_changed():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    dilate(mask, (1, 1, 1), 2)
    assert mask.sum() == 1
