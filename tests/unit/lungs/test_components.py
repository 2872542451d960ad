"""Which pockets of air are the lungs."""

import numpy as np
import pytest
from scipy import ndimage

from lungcam.lungs import air, lung_pockets

SPACING = (3.0, 3.0, 4.0)


def by_scipy(pockets: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Pockets that hold a seed, each filled slice by slice."""
    labels, _ = ndimage.label(pockets)
    found = np.unique(labels[seeds])
    chosen = np.isin(labels, found[found > 0])
    slices = [ndimage.binary_fill_holes(chosen[:, :, k]) for k in range(chosen.shape[2])]
    return np.stack(slices, axis=2)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def test_air_lies_below_the_threshold():
    hu = np.array([-1000, -351, -350, -349, 40], np.int16).reshape(5, 1, 1)
    assert air(hu).ravel().tolist() == [True, True, False, False, False]
    assert air(hu, threshold=-500).ravel().tolist() == [True, False, False, False, False]


def test_both_lungs_without_the_air_around_the_body(boxes):
    pockets, right, left = boxes
    assert np.array_equal(lung_pockets(pockets, SPACING), right | left)


def test_lungs_that_the_airway_joins(boxes):
    pockets, right, _ = boxes
    pockets = pockets.copy()
    pockets[36:50, 35:38, 30:33] = True
    expected = by_scipy(pockets, right)
    assert expected[36:50, 35:38, 30:33].all()
    assert np.array_equal(lung_pockets(pockets, SPACING), expected)


def test_lungs_of_just_the_same_size_are_both_found(boxes):
    pockets, right, left = boxes
    pockets = pockets.copy()
    pockets[74:78] = False
    right = right & pockets
    assert right.sum() == left.sum()
    assert np.array_equal(lung_pockets(pockets, SPACING), right | left)


def test_vessels_and_nodules_within_a_slice_are_filled(boxes):
    pockets, right, left = boxes
    pockets = pockets.copy()
    pockets[20:24, 30:34, 15:20] = False  # nodule
    pockets[60, 40, 8:42] = False  # vessel through all slices
    assert np.array_equal(lung_pockets(pockets, SPACING), right | left)


def test_what_is_open_to_the_wall_is_not_filled(boxes):
    pockets, right, left = boxes
    pockets = pockets.copy()
    pockets[12:20, 30:34, 15:20] = False
    found = lung_pockets(pockets, SPACING)
    assert not found[12:20, 30:34, 15:20].any()
    assert np.array_equal(found, (right | left) & pockets)


def test_gas_below_the_lungs_is_left_out(boxes):
    pockets, right, left = boxes
    pockets = pockets.copy()
    pockets[14:34, 25:50, 1:6] = True  # under the left lung, in another height
    assert np.array_equal(lung_pockets(pockets, SPACING), right | left)


def test_trachea_apart_is_left_out(boxes):
    pockets, right, left = boxes
    pockets = pockets.copy()
    pockets[40:44, 40:44, 20:48] = True
    assert np.array_equal(lung_pockets(pockets, SPACING), right | left)


def test_one_lung_is_enough(boxes):
    pockets, right, left = boxes
    assert np.array_equal(lung_pockets(pockets & ~left, SPACING), right)


@pytest.mark.parametrize("value", [True, False])
def test_without_lungs_is_refused(value):
    with pytest.raises(ValueError, match="No lungs"):
        lung_pockets(np.full((20, 20, 20), value), SPACING)


def test_pocket_smaller_than_a_lung_is_refused():
    pockets = np.zeros((30, 30, 30), bool)
    pockets[10:20, 10:20, 10:19] = True  # 900 voxels
    with pytest.raises(ValueError, match="100 mL"):
        lung_pockets(pockets, (4.8, 4.8, 4.8))
    assert np.array_equal(lung_pockets(pockets, (4.9, 4.9, 4.9)), pockets)


def test_input_is_not_changed(boxes):
    pockets, _, _ = boxes
    pockets = pockets.copy()
    pockets[60, 40, 20] = False
    before = pockets.copy()
    lung_pockets(pockets, SPACING)
    assert np.array_equal(pockets, before)


@pytest.mark.parametrize("seed", range(6))
def test_phantom_agrees_with_scipy(phantom, seed):
    _, hu, truth, grid = phantom(seed)
    pockets = air(hu)
    deep = ndimage.binary_erosion(truth, iterations=2)
    labels, _ = ndimage.label(pockets)
    middle = (np.argwhere(truth)[:, 0].min() + np.argwhere(truth)[:, 0].max()) // 2
    seeds = np.zeros_like(truth)
    for side in (np.s_[:middle], np.s_[middle:]):
        inside = labels[side][deep[side]]
        largest = np.bincount(inside[inside > 0]).argmax()
        seeds |= labels == largest
    found = lung_pockets(pockets, grid.spacing_mm)
    assert np.array_equal(found, by_scipy(pockets, seeds))


@pytest.mark.parametrize("seed", range(8))
def test_phantom_lungs_are_those_that_were_drawn(phantom, seed):
    _, hu, truth, grid = phantom(seed)
    found = lung_pockets(air(hu), grid.spacing_mm)
    assert dice(found, truth) > 0.9
    middle = hu.shape[0] // 2
    assert dice(found[:middle], truth[:middle]) > 0.85
    assert dice(found[middle:], truth[middle:]) > 0.85


def test_phantoms_are_both_joined_and_not_joined_by_the_airway(phantom):
    """Else the tests above would try one way only."""
    joined = set()
    for seed in range(8):
        _, hu, truth, _ = phantom(seed)
        labels, _ = ndimage.label(air(hu))
        middle = hu.shape[0] // 2
        largest = []
        for side in (np.s_[:middle], np.s_[middle:]):
            inside = labels[side][truth[side]]
            largest.append(np.bincount(inside[inside > 0]).argmax())
        joined.add(largest[0] == largest[1])
    assert joined == {True, False}
