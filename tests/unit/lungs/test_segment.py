"""Tests of the segmentation of lungs and trachea."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import air, lung_pockets, trachea


def segment_by_scipy(pockets: np.ndarray, seeds: np.ndarray, spacing) -> np.ndarray:
    """Return the pockets with a seed, filled slice by slice except for gaps above 15 cm²."""
    labels, _ = ndimage.label(pockets)
    chosen = np.isin(labels, np.setdiff1d(labels[seeds], 0))
    most = 1500 / (spacing[0] * spacing[1])
    for k in range(chosen.shape[2]):
        gaps, n = ndimage.label(ndimage.binary_fill_holes(chosen[:, :, k]) & ~chosen[:, :, k])
        sizes = ndimage.sum_labels(np.ones(gaps.shape), gaps, np.arange(n + 1))
        chosen[:, :, k] |= (gaps > 0) & (sizes[gaps] <= most)
    return chosen


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Dice coefficient."""
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def circle(shape: tuple[int, int, int], radius: float) -> np.ndarray:
    """Return the columns `(W, H)` within a circle around the middle."""
    x, y = (np.arange(n) - (n - 1) / 2 for n in shape[:2])
    return np.hypot(x[:, None], y) <= radius


def largest_on_each_side(hu: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Label the air; also return the labels that fill most of the true lung on either side."""
    labels, _ = ndimage.label(air(hu))
    middle = int(np.argwhere(truth.any(axis=(1, 2))).mean())
    largest = []
    for side in (np.s_[:middle], np.s_[middle:]):
        inside = labels[side][truth[side]]
        largest.append(int(np.bincount(inside[inside > 0]).argmax()))
    return labels, largest


def test_air_is_below_the_threshold():
    hu = np.array([-1000, -351, -350, -349, 40], np.int16).reshape(5, 1, 1)
    assert air(hu).ravel().tolist() == [True, True, False, False, False]
    assert air(hu, threshold=-500).ravel().tolist() == [True, False, False, False, False]


def test_both_lungs_are_separated_from_the_air_around_the_body(boxes):
    assert np.array_equal(boxes.pockets, boxes.lungs)


def test_lungs_joined_by_the_airway_include_it(boxes):
    boxes.hu[36:50, 35:38, 30:33] = -1000
    expected = segment_by_scipy(air(boxes.hu), boxes.right, boxes.spacing_mm)
    assert expected[36:50, 35:38, 30:33].all()
    assert np.array_equal(boxes.pockets, expected)


def test_lungs_of_equal_size_are_both_segmented(boxes):
    boxes.hu[74:78, 20:55, 8:42] = 40
    right = boxes.right & air(boxes.hu)
    assert right.sum() == boxes.left.sum()
    assert np.array_equal(boxes.pockets, right | boxes.left)


def test_vessels_and_nodules_within_a_slice_are_filled(boxes):
    boxes.hu[20:24, 30:34, 15:20] = 40  # nodule
    boxes.hu[60, 40, 8:42] = 60  # vessel through all slices
    assert np.array_equal(boxes.pockets, boxes.lungs)


def test_bay_at_the_wall_is_not_filled(boxes):
    boxes.hu[12:20, 30:34, 15:20] = 40
    expected = boxes.lungs & air(boxes.hu)
    assert not expected[12:20, 30:34, 15:20].any()
    assert np.array_equal(boxes.pockets, expected)


def test_lung_in_three_pieces_is_complete(boxes):
    """A scar or a thick slice may separate parts of a lung: here 2 of 3 pieces."""
    boxes.hu[50:78, 30:32, 8:42] = 40
    boxes.hu[50:78, 43:45, 8:42] = 40
    assert ndimage.label(air(boxes.hu)[50:78, 20:55, 8:42])[1] == 3
    assert np.array_equal(boxes.pockets, boxes.lungs & air(boxes.hu))


def test_separate_trachea_is_excluded(boxes):
    boxes.hu[40:44, 40:44, 20:48] = -1000
    assert np.array_equal(boxes.pockets, boxes.lungs)


@pytest.mark.parametrize("side", ["right", "left"])
def test_one_lung_is_enough(boxes, side):
    boxes.hu[getattr(boxes, side)] = 30
    (expected,) = (boxes.left,) if side == "right" else (boxes.right,)
    assert np.array_equal(boxes.pockets, expected)


def test_lung_with_emphysema_next_to_a_healthy_lung_is_segmented(boxes):
    boxes.hu[boxes.left] = -970
    assert np.array_equal(boxes.pockets, boxes.lungs)


@pytest.mark.parametrize("crop", [np.s_[:, 10:65], np.s_[5:85]], ids=["sides", "front and back"])
def test_severe_emphysema_on_both_sides_is_segmented(boxes, crop):
    """It is as dark as the air outside, which differs only in reaching the frame."""
    hu, lungs = boxes.hu[crop], boxes.lungs[crop]
    hu[lungs] = -970
    assert np.array_equal(lung_pockets(air(hu), hu, spacing_mm=boxes.spacing_mm), lungs)


# regions of gas
STOMACH = np.s_[15:33, 22:45, 2:8]  # under the left lung: 89 mL, of 1000 and 1200
PULLED_UP = np.s_[37:48, 22:48, 8:30]  # between the lungs: a stomach pulled up, 226 mL
COLON = np.s_[10:80, 22:52, 0:7]  # across, below both: 529 mL


@pytest.mark.parametrize("gas", [STOMACH, PULLED_UP, COLON], ids=["stomach", "pulled up", "colon"])
@pytest.mark.parametrize("joined", [False, True])
def test_gas_in_the_bowel_is_excluded(boxes, gas, joined):
    expected = boxes.lungs
    boxes.hu[gas] = np.where(expected[gas], -850, -1000)
    shell = ndimage.binary_dilation(expected) & ~expected
    boxes.hu[shell] = 40
    if joined:
        boxes.hu[36:50, 50:53, 35:38] = -1000
        expected[36:50, 50:53, 35:38] = True
    assert np.array_equal(boxes.pockets, expected)


@pytest.mark.parametrize(("bottom", "belongs"), [(8, False), (12, False), (15, True), (30, True)])
def test_bright_gas_between_the_lungs_belongs_to_them_unless_it_lies_low(boxes, bottom, belongs):
    """It is a piece of lung cut off by a scar, or bowel if its middle is in the lowest quarter."""
    gas = np.s_[38:48, 25:50, bottom : bottom + 6]
    boxes.hu[gas] = -850
    expected = boxes.lungs
    expected[gas] = belongs
    assert np.array_equal(boxes.pockets, expected)


def test_bright_bowel_next_to_a_single_lung_is_no_second_lung(boxes):
    """It overlaps the lung's height by 4 of its 10 slices."""
    boxes.hu[boxes.left] = 40
    boxes.hu[14:34, 25:50, 2:12] = -850
    assert np.array_equal(boxes.pockets, boxes.right)


def test_air_at_the_frame_next_to_a_single_lung_is_no_second_lung(boxes):
    """Such as between arm and chest, if the field of view ends at the arm."""
    boxes.hu[boxes.left] = boxes.hu[0:5] = 40
    boxes.hu[0:5, 20:50] = -1000
    assert np.array_equal(boxes.pockets, boxes.right)


def test_bowel_as_bright_as_lung_below_the_lungs_is_excluded(boxes):
    boxes.hu[14:34, 25:50, 1:7] = -850
    assert np.array_equal(boxes.pockets, boxes.lungs)


def test_hollow_table_larger_than_a_lung_is_excluded(boxes):
    boxes.hu[4:86, 0:10] = 100
    boxes.hu[5:85, 1:9] = -1000
    assert (boxes.hu[5:85, 1:9] == -1000).sum() > boxes.left.sum()
    assert np.array_equal(boxes.pockets, boxes.lungs)


@pytest.mark.parametrize("foam", [-900, -940, -960])
def test_foam_table_larger_than_a_lung_is_excluded(boxes, foam):
    """In CIP's scan the foam has -934 HU, as lungs can have."""
    hu = np.pad(boxes.hu, ((0, 0), (10, 0), (0, 0)), constant_values=-1000)
    hu[2:88, 5:18] = 100
    hu[3:87, 6:17] = foam
    assert (hu[3:87, 6:17] == foam).sum() > boxes.right.sum()
    lungs = np.pad(boxes.lungs, ((0, 0), (10, 0), (0, 0)))
    assert np.array_equal(lung_pockets(air(hu), hu, spacing_mm=boxes.spacing_mm), lungs)


def test_lungs_through_all_slices_are_preferred_to_bright_gas(boxes):
    boxes.hu[20:60, 57:63, 12:28] = -900  # 138 mL
    hu, lungs = boxes.hu[:, :, 10:40], boxes.lungs[:, :, 10:40]
    assert np.array_equal(lung_pockets(air(hu), hu, spacing_mm=boxes.spacing_mm), lungs)


def test_air_under_a_blanket_is_excluded(boxes):
    boxes.hu[3:87, 66:70] = 50  # blanket, closed to the body at both sides
    boxes.hu[3:5, 60:70] = boxes.hu[85:87, 60:70] = 50
    boxes.hu[5:85, 65:68] = -1000
    assert np.array_equal(boxes.pockets, boxes.lungs)


@pytest.mark.parametrize("outside", [-1024, -2000])
@pytest.mark.parametrize("radius", [55, 48])
def test_padding_around_a_circular_field_of_view_changes_nothing(boxes, radius, outside):
    """With 48 voxels the circle cuts the body's corners but not the lungs."""
    within = circle(boxes.hu.shape, radius)
    boxes.hu[~within] = outside
    assert not boxes.lungs[~within].any()
    assert np.array_equal(boxes.pockets, boxes.lungs)


def test_lungs_cut_by_a_circular_field_of_view_are_segmented(boxes):
    within = circle(boxes.hu.shape, 30)
    boxes.hu[~within] = -1024
    expected = boxes.lungs & within[:, :, None]
    assert expected.sum() < 0.95 * boxes.lungs.sum()
    assert np.array_equal(boxes.pockets, expected)


@pytest.mark.parametrize(
    "crop",
    [np.s_[15:75], np.s_[15:], np.s_[:, 25:50], np.s_[:, :, 10:40], np.s_[15:75, 25:50, 10:40]],
    ids=["both lungs", "left lung", "front and back", "top and bottom", "all sides"],
)
def test_lungs_cut_by_the_frame_are_segmented(boxes, crop):
    hu, expected = boxes.hu[crop], boxes.lungs[crop]
    assert np.array_equal(lung_pockets(air(hu), hu, spacing_mm=boxes.spacing_mm), expected)


def test_lung_is_not_filled_at_the_frame(boxes):
    """Tissue at the frame may be the wall."""
    boxes.hu[15:20, 30:40, 20] = 40
    hu, expected = boxes.hu[15:], (boxes.lungs & air(boxes.hu))[15:]
    assert np.array_equal(lung_pockets(air(hu), hu, spacing_mm=boxes.spacing_mm), expected)


@pytest.mark.parametrize("value", [-1024, -1000, 40])
def test_volume_without_lungs_is_refused(value):
    hu = np.full((20, 20, 20), value, np.int16)
    with pytest.raises(ValueError, match="No lungs"):
        lung_pockets(air(hu), hu, spacing_mm=(3.0, 3.0, 4.0))


def test_body_without_lungs_in_air_is_refused(boxes):
    boxes.hu[boxes.lungs] = 40
    with pytest.raises(ValueError, match="No lungs"):
        _ = boxes.pockets


def test_pocket_smaller_than_a_lung_is_refused():
    hu = np.full((30, 30, 30), 40, np.int16)
    hu[10:20, 10:20, 10:19] = -850  # 900 voxels
    with pytest.raises(ValueError, match="100 mL"):
        lung_pockets(air(hu), hu, spacing_mm=(4.8, 4.8, 4.8))
    assert np.array_equal(lung_pockets(air(hu), hu, spacing_mm=(4.9, 4.9, 4.9)), hu == -850)


def test_segmentation_of_lungs_does_not_change_its_input(boxes):
    boxes.hu[60, 40, 20] = 40
    boxes.hu[~circle(boxes.hu.shape, 48)] = -1024
    pockets = air(boxes.hu)
    before, hu_before = pockets.copy(), boxes.hu.copy()
    lung_pockets(pockets, boxes.hu, spacing_mm=boxes.spacing_mm)
    assert np.array_equal(pockets, before)
    assert np.array_equal(boxes.hu, hu_before)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 3),
    *[st.permutations(range(3))] * 2,
    *[st.tuples(*[st.booleans()] * 3)] * 2,
)
def test_lungs_are_the_same_for_any_memory_order(
    phantom, laid_out, seed, order, hu_order, backwards, hu_backwards
):
    case = phantom(seed)
    expected = lung_pockets(air(case.hu), case.hu, spacing_mm=case.grid.spacing_mm)
    hu = laid_out(case.hu, hu_order, hu_backwards)
    pockets = laid_out(air(case.hu), order, backwards)
    assert np.array_equal(lung_pockets(pockets, hu, spacing_mm=case.grid.spacing_mm), expected)


@pytest.mark.parametrize("seed", range(8))
def test_phantom_agrees_with_scipy(phantom, seed):
    case = phantom(seed)
    labels, largest = largest_on_each_side(case.hu, case.lungs)
    expected = segment_by_scipy(air(case.hu), np.isin(labels, largest), case.grid.spacing_mm)
    segmented = lung_pockets(air(case.hu), case.hu, spacing_mm=case.grid.spacing_mm)
    assert np.array_equal(segmented, expected)


@pytest.mark.parametrize("kind", ["malignant", "benign", "healthy"])
@pytest.mark.parametrize("seed", range(8))
def test_phantom_lungs_agree_with_the_ground_truth(phantom, segmented, seed, kind):
    truth = phantom(seed, kind).lungs
    lungs, _ = segmented(seed, kind)
    assert dice(lungs, truth) > 0.96
    middle = lungs.shape[0] // 2
    assert dice(lungs[:middle], truth[:middle]) > 0.95
    assert dice(lungs[middle:], truth[middle:]) > 0.95


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("radius", [28, 24])
def test_phantom_cut_by_the_field_of_view_agrees_with_the_whole_phantom(phantom, seed, radius):
    """Nothing is lost within the field of view, except for partly filled voxels at its rim."""
    case = phantom(seed)
    within = np.broadcast_to(circle(case.hu.shape, radius)[:, :, None], case.hu.shape)
    hu = np.where(within, case.hu, -1024)
    whole = lung_pockets(air(case.hu), case.hu, spacing_mm=case.grid.spacing_mm)
    assert (whole & within).sum() < 0.97 * whole.sum()
    assert dice(lung_pockets(air(hu), hu, spacing_mm=case.grid.spacing_mm), whole & within) > 0.97


def test_airway_joins_the_lungs_in_some_phantoms_only(phantom):
    """Otherwise the tests above would cover one kind only."""
    sides = [largest_on_each_side(case.hu, case.lungs)[1] for case in map(phantom, range(8))]
    assert {left == right for left, right in sides} == {True, False}


WINDPIPE = np.s_[42:47, 36:41, 30:50]  # 2.25 cm², to the top of the volume
BRONCHI = np.s_[36:50, 37:40, 28:30]


@pytest.fixture
def joined(boxes):
    """Return boxes joined by a trachea and two main bronchi."""
    boxes.hu[WINDPIPE] = boxes.hu[BRONCHI] = -1000
    return boxes


def find_trachea(boxes) -> np.ndarray:
    return trachea(boxes.pockets, boxes.hu, spacing_mm=boxes.spacing_mm)


def mask_of(shape, *boxes) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box] = True
    return mask


def test_trachea_is_followed_down_to_its_bifurcation(joined):
    assert joined.pockets[WINDPIPE].all()
    assert np.array_equal(find_trachea(joined), mask_of(joined.hu.shape, WINDPIPE))


def test_airway_below_the_bifurcation_belongs_to_the_lungs(boxes):
    stump = np.s_[42:47, 36:41, 25:28]
    boxes.hu[WINDPIPE] = boxes.hu[BRONCHI] = boxes.hu[stump] = -1000
    assert np.array_equal(find_trachea(boxes), mask_of(boxes.hu.shape, WINDPIPE))


def test_larynx_belongs_to_the_trachea(joined):
    """It is a slit, in which no trachea would begin."""
    larynx = np.s_[44:45, 30:48, 44:50]
    joined.hu[42:47, 36:41, 44:50] = 40
    joined.hu[larynx] = -1000
    assert joined.pockets[larynx].all()
    expected = mask_of(joined.hu.shape, np.s_[42:47, 36:41, 30:44], larynx)
    assert np.array_equal(find_trachea(joined), expected)


def test_lungs_without_airway_contain_no_trachea(boxes):
    assert np.array_equal(boxes.pockets, boxes.lungs)
    assert not find_trachea(boxes).any()


def test_single_lung_contains_no_trachea(boxes):
    boxes.hu[boxes.left] = 40
    assert not find_trachea(boxes).any()


@pytest.mark.parametrize("hu", [-850, -1000])
@pytest.mark.parametrize("near", [False, True])
def test_apices_are_no_trachea(joined, hu, near):
    """They lie next to it, as wide and as high, and end at the top like the trachea."""
    right = np.s_[56:61, 36:41, 42:50] if near else np.s_[62:67, 36:41, 42:50]
    left = np.s_[28:33, 36:41, 42:50]
    joined.hu[right] = joined.hu[left] = hu
    assert joined.pockets[right].all()
    assert np.array_equal(find_trachea(joined), mask_of(joined.hu.shape, WINDPIPE))


@pytest.mark.parametrize("x", [20, 62])
def test_apex_far_from_the_middle_is_no_trachea(boxes, x):
    apex = np.s_[x : x + 5, 36:41, 42:50]
    boxes.hu[apex] = -1000
    assert boxes.pockets[apex].all()
    assert not find_trachea(boxes).any()


def test_apex_with_the_density_of_lung_in_the_middle_is_no_trachea(boxes):
    boxes.hu[42:50, 36:41, 30:50] = boxes.hu[44:50, 36:41, 20:33] = -850
    assert boxes.pockets[42:50, 36:41, 34:50].all()
    assert not find_trachea(boxes).any()


def test_short_column_of_gas_is_no_trachea(boxes):
    """It has three slices of 4 mm."""
    boxes.hu[BRONCHI] = boxes.hu[42:47, 36:41, 30:33] = -1000
    assert boxes.pockets[42:47, 36:41, 30:33].all()
    assert not find_trachea(boxes).any()
    boxes.hu[42:47, 36:41, 33] = -1000
    assert np.array_equal(find_trachea(boxes), mask_of(boxes.hu.shape, np.s_[42:47, 36:41, 30:34]))


@pytest.mark.parametrize(
    "pipe",
    [np.s_[43:45, 37:39, 30:50], np.s_[38:50, 32:44, 30:50], np.s_[44:45, 30:48, 30:50]],
    ids=["narrow", "wide", "slit"],
)
def test_gas_of_another_shape_is_no_trachea(boxes, pipe):
    boxes.hu[BRONCHI] = boxes.hu[pipe] = -1000
    assert boxes.pockets[pipe].all()
    assert not find_trachea(boxes).any()


def test_segmentation_of_the_trachea_does_not_change_its_input(joined):
    lungs, hu = joined.pockets, joined.hu.copy()
    before = lungs.copy()
    assert trachea(lungs, hu, spacing_mm=joined.spacing_mm).any()
    assert np.array_equal(lungs, before)
    assert np.array_equal(hu, joined.hu)


def joined_phantoms(phantom) -> list[int]:
    """Return the seeds of phantoms with an airway that joins the lungs."""
    seeds = []
    for seed in range(8):
        case = phantom(seed)
        labels, _ = ndimage.label(air(case.hu))
        inside, pipe = labels[case.lungs & air(case.hu)], labels[case.airway & air(case.hu)]
        if np.bincount(inside).argmax() == np.bincount(pipe).argmax():
            seeds.append(seed)
    return seeds


def test_airway_of_a_phantom_is_segmented_if_it_joins_the_lungs(phantom, segmented):
    seeds = joined_phantoms(phantom)
    assert 3 <= len(seeds) < 8
    for seed in range(8):
        case = phantom(seed)
        lungs, airway = segmented(seed)
        if seed not in seeds:
            assert not airway.any()
            continue
        near = ndimage.distance_transform_edt(~case.airway, sampling=case.grid.spacing_mm) <= 4
        assert near[airway].all()
        # the rest of the true airway, the main bronchi, is part of the lungs
        assert (airway & case.airway).sum() > 0.75 * case.airway.sum()
        above = slice(np.flatnonzero(airway.any(axis=(0, 1)))[0] + 1, None)
        assert (lungs & case.airway)[:, :, above].sum() < 0.02 * case.airway.sum()


@pytest.mark.parametrize("kind", ["malignant", "benign", "healthy"])
@pytest.mark.parametrize("seed", range(8))
def test_trachea_of_a_phantom_never_contains_lung(phantom, segmented, seed, kind):
    _, airway = segmented(seed, kind)
    assert not (airway & phantom(seed, kind).lungs).any()


@settings(deadline=None, max_examples=20)
@given(*[st.permutations(range(3))] * 2, *[st.tuples(*[st.booleans()] * 3)] * 2)
def test_trachea_is_the_same_for_any_memory_order(
    phantom, laid_out, order, hu_order, backwards, hu_backwards
):
    case = phantom(4)
    lungs = lung_pockets(air(case.hu), case.hu, spacing_mm=case.grid.spacing_mm)
    expected = trachea(lungs, case.hu, spacing_mm=case.grid.spacing_mm)
    assert expected.any()
    lungs = laid_out(lungs, order, backwards)
    hu = laid_out(case.hu, hu_order, hu_backwards)
    assert np.array_equal(trachea(lungs, hu, spacing_mm=case.grid.spacing_mm), expected)
