"""The trachea among what a threshold takes for lungs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import air, lung_pockets, trachea

WINDPIPE = np.s_[42:47, 36:41, 30:50]  # 2.25 cm², to the top of the volume
BRONCHI = np.s_[36:50, 37:40, 28:30]


@pytest.fixture
def joined(boxes):
    """Boxes that a trachea and two main bronchi join."""
    boxes.hu[WINDPIPE] = boxes.hu[BRONCHI] = -1000
    return boxes


def find(boxes) -> np.ndarray:
    return trachea(boxes.found, boxes.hu, boxes.spacing_mm)


def painted(shape, *boxes) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box] = True
    return mask


def test_trachea_is_followed_down_to_where_it_divides(joined):
    assert joined.found[WINDPIPE].all()
    assert np.array_equal(find(joined), painted(joined.hu.shape, WINDPIPE))


def test_what_lies_below_the_division_is_left_to_the_lungs(boxes):
    stump = np.s_[42:47, 36:41, 25:28]
    boxes.hu[WINDPIPE] = boxes.hu[BRONCHI] = boxes.hu[stump] = -1000
    assert np.array_equal(find(boxes), painted(boxes.hu.shape, WINDPIPE))


def test_larynx_above_belongs_to_it(joined):
    """A slit, in which no trachea would begin."""
    larynx = np.s_[44:45, 30:48, 44:50]
    joined.hu[42:47, 36:41, 44:50] = 40
    joined.hu[larynx] = -1000
    assert joined.found[larynx].all()
    expected = painted(joined.hu.shape, np.s_[42:47, 36:41, 30:44], larynx)
    assert np.array_equal(find(joined), expected)


def test_lungs_without_airway_hold_none(boxes):
    assert np.array_equal(boxes.found, boxes.lungs)
    assert not find(boxes).any()


def test_one_lung_holds_none(boxes):
    boxes.hu[boxes.left] = 40
    assert not find(boxes).any()


@pytest.mark.parametrize("hu", [-850, -1000])
@pytest.mark.parametrize("near", [False, True])
def test_apices_are_no_trachea(joined, hu, near):
    """They stand beside it, as wide and as high, and end at the top as it does."""
    right = np.s_[56:61, 36:41, 42:50] if near else np.s_[62:67, 36:41, 42:50]
    left = np.s_[28:33, 36:41, 42:50]
    joined.hu[right] = joined.hu[left] = hu
    assert joined.found[right].all()
    assert np.array_equal(find(joined), painted(joined.hu.shape, WINDPIPE))


@pytest.mark.parametrize("x", [20, 62])
def test_apex_far_from_the_middle_is_none_where_there_is_no_trachea(boxes, x):
    apex = np.s_[x : x + 5, 36:41, 42:50]
    boxes.hu[apex] = -1000
    assert boxes.found[apex].all()
    assert not find(boxes).any()


def test_apex_of_tissue_density_in_the_middle_is_none(boxes):
    boxes.hu[42:50, 36:41, 30:50] = boxes.hu[44:50, 36:41, 20:33] = -850
    assert boxes.found[42:50, 36:41, 34:50].all()
    assert not find(boxes).any()


def test_gas_shorter_than_a_trachea_is_none(boxes):
    """Three slices of 4 mm."""
    boxes.hu[BRONCHI] = boxes.hu[42:47, 36:41, 30:33] = -1000
    assert boxes.found[42:47, 36:41, 30:33].all()
    assert not find(boxes).any()
    boxes.hu[42:47, 36:41, 33] = -1000
    assert np.array_equal(find(boxes), painted(boxes.hu.shape, np.s_[42:47, 36:41, 30:34]))


@pytest.mark.parametrize(
    "pipe",
    [np.s_[43:45, 37:39, 30:50], np.s_[38:50, 32:44, 30:50], np.s_[44:45, 30:48, 30:50]],
    ids=["narrow", "wide", "slit"],
)
def test_gas_of_another_shape_is_none(boxes, pipe):
    boxes.hu[BRONCHI] = boxes.hu[pipe] = -1000
    assert boxes.found[pipe].all()
    assert not find(boxes).any()


def test_input_is_not_changed(joined):
    lungs, hu = joined.found, joined.hu.copy()
    before = lungs.copy()
    assert trachea(lungs, hu, joined.spacing_mm).any()
    assert np.array_equal(lungs, before)
    assert np.array_equal(hu, joined.hu)


def joined_phantoms(phantom) -> list[int]:
    """Seeds of phantoms whose airway the lungs hold."""
    seeds = []
    for seed in range(8):
        case = phantom(seed)
        labels, _ = ndimage.label(air(case.hu))
        inside, pipe = labels[case.lungs & air(case.hu)], labels[case.airway & air(case.hu)]
        if np.bincount(inside).argmax() == np.bincount(pipe).argmax():
            seeds.append(seed)
    return seeds


def test_phantoms_airway_is_found_where_it_joins_the_lungs(phantom, found):
    seeds = joined_phantoms(phantom)
    assert 3 <= len(seeds) < 8
    for seed in range(8):
        case = phantom(seed)
        lungs, airway = found(seed)
        if seed not in seeds:
            assert not airway.any()
            continue
        near = ndimage.distance_transform_edt(~case.airway, sampling=case.grid.spacing_mm) <= 4
        assert near[airway].all()
        # what is left in the lungs of the drawn airway are the main bronchi
        assert (airway & case.airway).sum() > 0.75 * case.airway.sum()
        above = slice(np.flatnonzero(airway.any(axis=(0, 1)))[0] + 1, None)
        assert (lungs & case.airway)[:, :, above].sum() < 0.02 * case.airway.sum()


@pytest.mark.parametrize("kind", ["malignant", "benign", "healthy"])
@pytest.mark.parametrize("seed", range(8))
def test_phantoms_lungs_are_never_taken(phantom, found, seed, kind):
    _, airway = found(seed, kind)
    assert not (airway & phantom(seed, kind).lungs).any()


@settings(deadline=None, max_examples=20)
@given(*[st.permutations(range(3))] * 2, *[st.tuples(*[st.booleans()] * 3)] * 2)
def test_any_layout_in_memory_gives_the_same(
    phantom, laid_out, order, hu_order, backwards, hu_backwards
):
    case = phantom(4)
    lungs = lung_pockets(air(case.hu), case.hu, case.grid.spacing_mm)
    expected = trachea(lungs, case.hu, case.grid.spacing_mm)
    assert expected.any()
    lungs = laid_out(lungs, order, backwards)
    hu = laid_out(case.hu, hu_order, hu_backwards)
    assert np.array_equal(trachea(lungs, hu, case.grid.spacing_mm), expected)
