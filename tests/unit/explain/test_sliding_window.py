"""Sliding windows over a region, and the map blended from theirs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungcam.explain.sliding_window import Windows, blend, place_windows
from lungcam.grid import Grid

# an oblique scan, its x and y running to the left and back, with thick slices
ANGLE = np.deg2rad(20)
TURN = np.array(
    [[np.cos(ANGLE), -np.sin(ANGLE), 0], [np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, 1.0]]
)


def oblique(shape: tuple[int, int, int]) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = TURN @ np.diag([-0.7, -0.8, 2.5])
    affine[:3, 3] = (30, -12, 7)
    return Grid(shape, affine)


@given(arrays(bool, (9, 8, 5)), st.sampled_from([2.0, 3.0, 5.0]))
@settings(max_examples=40, deadline=None)
def test_centres_lie_in_the_region_a_step_apart(region, step_mm):
    grid = oblique(region.shape)
    try:
        windows = place_windows(region, grid, step_mm=step_mm)
    except ValueError:
        # no voxel, or all of them between the lattice's points
        assert region.sum() < region.size / 2
        return
    # half-way between voxels a rounding error decides to which of them a centre belongs
    nudges = 1e-6 * np.array(list(itertools.product((-1, 1), repeat=3)))
    nearest = np.rint(grid.to_index(windows.centers_mm)[:, None] + nudges).astype(int)
    assert region[tuple(nearest.T)].any(axis=0).all()
    apart = (windows.centers_mm[:, None] - windows.centers_mm[None]) @ TURN / step_mm
    assert np.allclose(apart, np.rint(apart))
    assert len(np.unique(windows.steps, axis=0)) == len(windows)


def test_a_box_is_covered_to_its_faces():
    grid = oblique((40, 30, 10))
    windows = place_windows(np.ones(grid.shape, bool), grid, step_mm=5.0)
    voxels = grid.to_world(np.indices(grid.shape).reshape(3, -1).T)
    nearest = np.abs((voxels[:, None] - windows.centers_mm[None]) @ TURN).max(axis=2).min(axis=1)
    # no voxel lies further from a centre than a step along an axis
    assert nearest.max() < 5.0
    assert len(windows) == 6 * 5 * 5


def test_an_empty_region_is_refused():
    with pytest.raises(ValueError, match="region is empty"):
        place_windows(np.zeros((4, 4, 4), bool), oblique((4, 4, 4)), step_mm=3.0)


def cells_of(windows, index: int, sign: float = -1.0) -> Grid:
    """Return cells of 2 mm, six along an axis, around a window's centre."""
    affine = np.eye(4)
    affine[:3, :3] = TURN @ np.diag([sign * 2.0, -2.0, 2.0])
    affine[:3, 3] = windows.centers_mm[index] - affine[:3, :3] @ np.full(3, 2.5)
    return Grid((6, 6, 6), affine)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_maps_that_agree_are_blended_exactly(sign):
    grid = oblique((40, 30, 10))
    region = np.zeros(grid.shape, bool)
    region[3:33, 4:24, 1:9] = np.random.default_rng(0).random((30, 20, 8)) > 0.7
    windows = place_windows(region, grid, step_mm=4.0)

    def truth(world: np.ndarray) -> np.ndarray:
        return world @ (0.3, -0.2, 0.5) + 4

    maps = []
    for i in range(len(windows)):
        grid = cells_of(windows, i, sign)
        points = grid.to_world(np.indices(grid.shape).reshape(3, -1).T)
        maps.append(truth(points).reshape(grid.shape))
    blended, cells = blend(maps, cells_of(windows, 0, sign), windows=windows)
    expected = truth(cells.to_world(np.indices(cells.shape).reshape(3, -1).T)).reshape(cells.shape)
    places = [
        cells.to_index(grid.to_world(np.indices(grid.shape).reshape(3, -1).T))
        for grid in (cells_of(windows, i, sign) for i in range(len(windows)))
    ]
    seen = np.zeros(cells.shape, bool)
    seen[tuple(np.rint(np.concatenate(places)).astype(int).T)] = True
    assert np.allclose(blended[seen], expected[seen], atol=1e-4)
    assert (blended[~seen] == 0).all()
    assert not seen.all()


def test_the_middle_of_a_window_counts_most():
    affine = np.eye(4)
    affine[:3, :3] = TURN @ np.diag([-4.0, -4.0, 4.0])
    windows = Windows(np.array([[0, 0, 0], [1, 0, 0]]), Grid((2, 1, 1), affine))
    maps = [np.zeros((6, 6, 6)), np.ones((6, 6, 6))]
    blended, cells = blend(maps, cells_of(windows, 0), windows=windows)
    assert cells.shape == (8, 6, 6)
    line = blended[:, 3, 3]
    # the windows overlap in four cells; tents of height 1, 2, 3, 3, 2, 1 over 3.5
    assert np.allclose(line[:2], 0)
    assert np.allclose(line[6:], 1)
    assert np.allclose(line[2:6], [1 / 4, 2 / 5, 3 / 5, 3 / 4], atol=1e-6)
    assert (np.diff(line[1:7]) > 0).all()


def test_cells_that_miss_each_other_are_refused():
    grid = oblique((40, 30, 10))
    windows = place_windows(np.ones(grid.shape, bool), grid, step_mm=5.0)
    with pytest.raises(ValueError, match="no multiple"):
        blend([np.zeros((6, 6, 6))] * len(windows), cells_of(windows, 0), windows=windows)
