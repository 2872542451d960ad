"""Tests of bounding box, memory order, body middle, dilation in mm and filling of slices."""

import edt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import dilate, fill_axial_slices
from lungcam.lungs.morphology import bounding_box, from_memory_order, in_memory_order
from lungcam.lungs.segment import body_middle

SHAPES = st.tuples(*[st.integers(1, 9)] * 3)
LAYOUT = (st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), SHAPES, st.sampled_from([0.02, 0.3]))
def test_box_is_that_of_scipy(seed, shape, share):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[shape[0] // 2, 0, shape[2] - 1] = True
    assert bounding_box(mask) == ndimage.find_objects(mask.astype(np.uint8))[0]


def test_margin_of_the_box_ends_at_the_volume():
    mask = np.zeros((10, 10, 10), bool)
    mask[4, 1:3, 9] = True
    assert bounding_box(mask, (2, 3, 1)) == (slice(2, 7), slice(0, 6), slice(8, 10))


def test_empty_mask_has_no_box():
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((3, 4, 5), bool))


@settings(deadline=None, max_examples=60)
@given(SHAPES, *LAYOUT)
def test_memory_order_is_c_order_and_can_be_reversed(laid_out, shape, order, backwards):
    volume = laid_out(np.arange(np.prod(shape)).reshape(shape), order, backwards)
    memory = in_memory_order(volume)
    assert np.shares_memory(memory, volume)
    assert memory.flags.c_contiguous
    assert np.array_equal(from_memory_order(memory, volume), volume)
    # so can arrays computed from it, such as labels
    assert np.array_equal(from_memory_order(memory * 2, volume), volume * 2)


def body(shape=(40, 30, 10), left=6, right=27) -> np.ndarray:
    hu = np.full(shape, -1000, np.int16)
    hu[left:right, 5:25] = 40
    return hu


def test_middle_halves_the_body_at_any_position():
    assert body_middle(body(), slice(0, 10)) == 16
    assert body_middle(body(left=14, right=35), slice(0, 10)) == 24


def test_middle_is_computed_from_the_given_slices():
    hu = body()
    hu[:, :, 5:] = body(left=14, right=35)[:, :, 5:]
    assert body_middle(hu, slice(0, 5)) == 16
    assert body_middle(hu, slice(5, 10)) == 24


def test_one_lung_and_bone_do_not_move_the_middle():
    hu = body()
    hu[18:26, 10:20] = -850
    assert abs(body_middle(hu, slice(0, 10)) - 16) <= 3
    hu[8:10] = 1200
    hu[30:34] = 1200
    assert abs(body_middle(hu, slice(0, 10)) - 16) <= 3


@pytest.mark.parametrize("value", [-1000, 1200])
def test_middle_is_that_of_the_volume_without_soft_tissue(value):
    assert body_middle(np.full((31, 8, 8), value, np.int16), slice(2, 6)) == 15


@pytest.mark.parametrize("seed", range(4))
def test_middle_of_a_phantom_lies_between_the_lungs(phantom, seed):
    case = phantom(seed)
    slices = bounding_box(case.lungs)[2]
    columns = case.lungs[:, :, slices].sum(axis=(1, 2))
    middle = body_middle(case.hu, slices)
    assert columns[middle] < 0.3 * columns.max()
    assert 0.4 < columns[:middle].sum() / columns.sum() < 0.6


SPACINGS = st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 1.25, 2.0, 3.3])] * 3)
SHARES = st.sampled_from([0.002, 0.02, 0.5])


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 10**6),
    # rows of one, two and more bytes
    st.tuples(st.integers(1, 14), st.integers(1, 14), st.sampled_from([1, 5, 8, 16, 19, 30])),
    SPACINGS,
    st.floats(0, 12),
    SHARES,
    st.permutations(range(3)),
    st.tuples(*[st.booleans()] * 3),
)
def test_dilation_contains_every_voxel_within_the_distance(
    laid_out, seed, shape, spacing, distance_mm, share, order, backwards
):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[tuple(n // 2 for n in shape)] = True
    distance = ndimage.distance_transform_edt(~mask, sampling=spacing)
    dilated = dilate(laid_out(mask, order, backwards), spacing, distance_mm=distance_mm)
    assert dilated.dtype == bool
    assert dilated.shape == mask.shape
    # exactly at the distance the result depends on rounding
    clear = np.abs(distance - distance_mm) > 1e-4
    assert np.array_equal(dilated[clear], (distance <= distance_mm)[clear])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 25)] * 3), st.integers(0, 30), SHARES)
def test_dilation_is_exact_for_integer_distances(seed, shape, square, share):
    """Squared distances between voxels of 1 mm are integers: rounding excludes no voxel."""
    mask = np.random.default_rng(seed).random(shape) < share
    mask[0, 0, 0] = True
    expected = edt.edtsq(np.asfortranarray(~mask), anisotropy=(1, 1, 1), order="F") <= square
    expected |= mask
    assert np.array_equal(dilate(mask, (1.0, 1.0, 1.0), distance_mm=np.sqrt(square)), expected)


@pytest.mark.parametrize("spacing", [0.1, 0.3, 1 / 3, 0.7, 0.8, 2.0])
@pytest.mark.parametrize("steps", [1, 3, 5, 10])
@pytest.mark.parametrize("axis", range(3))
def test_dilation_includes_the_distance_itself_despite_rounding(spacing, steps, axis):
    mask = np.zeros((25, 3, 3), bool)
    mask[12] = True
    dilated = dilate(
        np.moveaxis(mask, 0, axis), np.roll((spacing, 1, 1), axis), distance_mm=spacing * steps
    )
    line = np.moveaxis(dilated, axis, 0)[:, 1, 1]
    assert np.flatnonzero(line).tolist() == list(range(12 - steps, 13 + steps))


def test_dilated_voxel_is_the_ball_computed_by_hand():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    dilated = dilate(mask, (2.0, 1.0, 4.0), distance_mm=4.0)
    assert np.flatnonzero(dilated[:, 4, 4]).tolist() == [2, 3, 4, 5, 6]
    assert np.flatnonzero(dilated[4, :, 4]).tolist() == list(range(9))
    assert np.flatnonzero(dilated[4, 4, :]).tolist() == [3, 4, 5]
    assert not dilated[5, 4, 5]


@pytest.mark.parametrize("distance_mm", [0, 0.49])
def test_dilation_by_less_than_a_voxel_adds_nothing(distance_mm):
    mask = np.random.default_rng(0).random((9, 10, 11)) < 0.2
    assert np.array_equal(dilate(mask, (0.5, 0.5, 2.0), distance_mm=distance_mm), mask)


def test_dilation_by_more_than_the_volume_fills_it():
    mask = np.zeros((4, 5, 17), bool)
    mask[0, 4, 16] = True
    assert dilate(mask, (1, 1, 1), distance_mm=100).all()


def test_dilated_empty_mask_is_empty():
    assert not dilate(np.zeros((4, 5, 6), bool), (1, 1, 1), distance_mm=4).any()


def test_dilated_full_mask_is_full():
    assert dilate(np.ones((4, 5, 6), bool), (1, 1, 1), distance_mm=4).all()


def test_dilation_does_not_change_its_input():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    dilate(mask, (1, 1, 1), distance_mm=2)
    assert mask.sum() == 1


SPACING = (1.0, 2.0, 5.0)


def ring(half_width: int) -> np.ndarray:
    """Return two slices of a block around a gap of (2 half_width)² voxels of 2 mm²."""
    mask = np.zeros((60, 60, 4), bool)
    mask[5:55, 5:55, 1:3] = True
    mask[30 - half_width : 30 + half_width, 30 - half_width : 30 + half_width] = False
    return mask


def test_tumour_is_filled_and_the_dome_of_the_liver_is_not():
    small, large = ring(13), ring(14)  # 13.5 and 15.7 cm²
    assert fill_axial_slices(small, SPACING, largest_cm2=15.0)[30, 30].tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert np.array_equal(fill_axial_slices(large, SPACING, largest_cm2=15.0), large)
    assert fill_axial_slices(large, SPACING)[30, 30, 1]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 0.9))
def test_filling_without_a_limit_agrees_with_scipy(seed, share):
    mask = np.random.default_rng(seed).random((9, 8, 3)) < share
    mask[4, 4, 1] = True
    before = mask.copy()
    expected = [ndimage.binary_fill_holes(mask[:, :, k]) for k in range(3)]
    assert np.array_equal(fill_axial_slices(mask, SPACING), np.stack(expected, axis=2))
    assert np.array_equal(mask, before)
