"""Peaks: the highest cell, and local maxima between cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skimage.feature import peak_local_max

from lungcam.explain import MIN_PEAK_DISTANCE_MM, peak_mm, peaks
from lungcam.explain.peaks import refine_peak
from lungcam.grid import Grid

CELLS = np.eye(4)
CELLS[:3, :3] = Rotation.from_euler("xyz", [10, -20, 35], degrees=True).as_matrix() * (-9, 10, 8)
CELLS[:3, 3] = 40, -20, -300


def test_peak_is_the_highest_cell_in_mm():
    affine = np.array([[-4.0, 0, 0, 100], [0, 0, 5, -50], [0, 6, 0, 20], [0, 0, 0, 1]])
    heat = np.random.default_rng(0).random((5, 6, 7))
    heat[4, 1, 3] = 2
    assert peak_mm(heat, Grid(heat.shape, affine)).tolist() == [84, -35, 26]


def bump(shape, top, width=(2.0, 3.0, 2.5)) -> np.ndarray:
    """Return a paraboloid with its top between cells."""
    index = np.stack(np.indices(shape), axis=-1)
    return 9 - (((index - np.array(top)) / width) ** 2).sum(axis=-1)


@settings(deadline=None)
@given(st.tuples(st.floats(2, 7), st.floats(2, 6), st.floats(2, 8)))
def test_top_of_a_paraboloid_lies_between_cells(top):
    grid = Grid((10, 9, 11), CELLS)
    places, heights = peaks(bump(grid.shape, top), grid, max_peaks=1)
    np.testing.assert_allclose(places[0], grid.to_world(top), atol=1e-6)
    assert 8 < heights[0] <= 9


def test_a_lone_cell_is_its_own_peak():
    heat = np.zeros((6, 7, 5))
    heat[(2, 6, 0)] = 0.25
    grid = Grid(heat.shape, CELLS)
    places, heights = peaks(heat, grid)
    np.testing.assert_allclose(places, [grid.to_world((2, 6, 0))])
    assert heights.tolist() == [0.25]


def test_maxima_are_those_of_scikit_image():
    heat = np.random.default_rng(0).normal(size=(12, 13, 14))
    places, heights = peaks(heat, Grid(heat.shape, np.eye(4)), min_distance_mm=0, max_peaks=10_000)
    expected = peak_local_max(
        heat, min_distance=1, threshold_abs=1e-12, exclude_border=False, p_norm=np.inf
    )
    assert len(places) == len(expected) > 20
    assert sorted(heights) == sorted(heat[tuple(expected.T)])
    # each within half a cell of its own
    for place, height in zip(places, heights, strict=True):
        (cell,) = np.argwhere(heat == height)
        assert np.abs(place - cell).max() <= 0.5


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_the_highest_peaks_come_first_and_apart(seed, limit):
    heat = np.random.default_rng(seed).normal(size=(6, 6, 6))
    places, heights = peaks(heat, Grid(heat.shape, CELLS), max_peaks=limit)
    assert len(places) == len(heights) <= limit
    assert np.all(heights > 0)
    assert np.all(np.diff(heights) <= 0)
    assert heights[0] == heat.max()
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert np.all(distances[~np.eye(len(places), dtype=bool)] >= MIN_PEAK_DISTANCE_MM)


def test_of_two_near_peaks_the_higher_is_kept():
    heat = np.zeros((20, 3, 3))
    heat[[2, 9, 17], 1, 1] = 1, 3, 2
    places, heights = peaks(heat, Grid(heat.shape, np.eye(4)))
    assert heights.tolist() == [3]
    assert places.tolist() == [[9, 1, 1]]
    places, heights = peaks(heat, Grid(heat.shape, np.diag([2.0, 2, 2, 1])))
    assert heights.tolist() == [3, 2, 1]


def test_a_level_top_is_one_peak_in_its_middle():
    heat = np.zeros((9, 9, 9))
    heat[3:6, 2:6, 3:5] = 1
    places, heights = peaks(heat, Grid(heat.shape, np.eye(4)))
    assert places.tolist() == [[4, 3.5, 3.5]]
    assert heights.tolist() == [1]


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_map_without_a_cell_above_0_has_no_peak(value):
    places, heights = peaks(np.full((3, 4, 5), value), Grid((3, 4, 5), np.eye(4)))
    assert places.shape == (0, 3)
    assert heights.shape == (0,)


def test_at_a_border_a_peak_stays_in_its_cell():
    heat = bump((5, 5, 5), (0.3, 2.2, 4.0))
    assert refine_peak(heat, np.array([0, 2, 4])) == pytest.approx([0, 2.2, 4])
