"""The box around a mask, the order of voxels in memory and the body's middle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs.body import body_middle
from lungcam.lungs.box import bounding_box
from lungcam.lungs.layout import as_laid_out, in_memory_order

SHAPES = st.tuples(*[st.integers(1, 9)] * 3)
LAYOUT = (st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), SHAPES, st.sampled_from([0.02, 0.3]))
def test_box_is_that_of_scipy(seed, shape, share):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[shape[0] // 2, 0, shape[2] - 1] = True
    assert bounding_box(mask) == ndimage.find_objects(mask.astype(np.uint8))[0]


def test_margin_ends_at_the_volume():
    mask = np.zeros((10, 10, 10), bool)
    mask[4, 1:3, 9] = True
    assert bounding_box(mask, (2, 3, 1)) == (slice(2, 7), slice(0, 6), slice(8, 10))


def test_empty_mask_has_no_box():
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((3, 4, 5), bool))


@settings(deadline=None, max_examples=60)
@given(SHAPES, *LAYOUT)
def test_memory_order_is_c_order_and_leads_back(laid_out, shape, order, backwards):
    volume = laid_out(np.arange(np.prod(shape)).reshape(shape), order, backwards)
    memory = in_memory_order(volume)
    assert np.shares_memory(memory, volume)
    assert memory.flags.c_contiguous
    assert np.array_equal(as_laid_out(memory, volume), volume)
    # what is made from it, such as labels, leads back too
    assert np.array_equal(as_laid_out(memory * 2, volume), volume * 2)


def body(shape=(40, 30, 10), left=6, right=27) -> np.ndarray:
    hu = np.full(shape, -1000, np.int16)
    hu[left:right, 5:25] = 40
    return hu


def test_middle_halves_the_body_wherever_it_lies():
    assert body_middle(body(), slice(0, 10)) == 16
    assert body_middle(body(left=14, right=35), slice(0, 10)) == 24


def test_middle_is_that_of_the_slices_asked_for():
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
def test_without_soft_tissue_the_middle_is_the_volumes(value):
    assert body_middle(np.full((31, 8, 8), value, np.int16), slice(2, 6)) == 15


@pytest.mark.parametrize("seed", range(4))
def test_middle_of_a_phantom_lies_between_its_lungs(phantom, seed):
    case = phantom(seed)
    slices = bounding_box(case.lungs)[2]
    columns = case.lungs[:, :, slices].sum(axis=(1, 2))
    middle = body_middle(case.hu, slices)
    assert columns[middle] < 0.3 * columns.max()
    assert 0.4 < columns[:middle].sum() / columns.sum() < 0.6
