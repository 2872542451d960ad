"""Scan and heat-map keep their positions in the reduced volume of a page."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.report.scan_volume import (
    LEVELS_HU,
    MARGIN_MM,
    cells_on,
    reduce_scan,
    to_differences,
    to_levels,
)


def test_levels_are_the_nearest():
    hu = np.arange(-(1 << 15), 1 << 15, dtype=np.int16)
    rounded = LEVELS_HU[to_levels(hu)]
    nearest = np.abs(hu.astype(int)[:, None] - LEVELS_HU).min(axis=1)
    assert np.array_equal(np.abs(rounded - hu), nearest)
    # within 2 HU in the window of the mediastinum
    organs = (hu >= -200) & (hu <= 240)
    assert nearest[organs].max() == 2
    assert nearest[(hu >= -1024) & (hu <= 1480)].max() == 10


def test_running_sum_of_differences_gives_the_levels():
    levels = np.random.default_rng(0).integers(0, 256, (5, 6, 7)).astype(np.uint8)
    restored = np.cumsum(to_differences(levels), dtype=np.uint8)
    assert np.array_equal(restored.reshape(7, 6, 5).T, levels)


@pytest.fixture
def chest():
    """(hu, grid, lungs): body of water with lungs, on a couch, in a wide field of view."""
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[:3, 3] = -100, -120, -300
    grid = Grid((100, 110, 60), affine)
    hu = np.full(grid.shape, -1000, np.int16)
    hu[20:80, 30:76] = 40
    hu[10:90, 5:7] = 200
    lungs = np.zeros(grid.shape, bool)
    lungs[30:70, 40:66, 20:40] = True
    hu[lungs] = -850
    return hu, grid, lungs


def test_scan_is_cropped_to_the_body_and_the_slices_of_the_lungs(chest):
    hu, grid, lungs = chest
    reduced = reduce_scan(hu, grid, lungs=lungs)
    low, high = (
        np.rint(grid.to_index(reduced.grid.to_world(corner))).astype(int)
        for corner in ([0, 0, 0], np.array(reduced.grid.shape) - 1)
    )
    # the body to within 4 + 4 voxels, without the couch; the lungs' slices with their margin
    assert (low[:2] <= (20, 30)).all()
    assert (low[:2] >= (12, 22)).all()
    assert (high[:2] >= (79, 75)).all()
    assert (high[:2] <= (88, 84)).all()
    assert (low[2], high[2]) == (20 - MARGIN_MM / 5, 39 + MARGIN_MM / 5)
    box = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    assert np.array_equal(reduced.levels, to_levels(hu[box]))
    assert not reduced.coarser


def test_points_stay_inside_and_a_crop_is_kept_whole(chest):
    hu, grid, lungs = chest
    point, beyond = grid.to_world([50, 50, 3]), grid.to_world([50, 50, 400])
    reduced = reduce_scan(hu, grid, lungs=lungs, points_mm=[point, beyond])
    assert reduced.grid.to_index(point)[2] == pytest.approx(0)
    assert reduced.grid.to_world([0, 0, reduced.grid.shape[2] - 1])[2] == pytest.approx(-5)
    assert reduce_scan(hu, grid, lungs=lungs, chest=False).grid.shape == grid.shape
    # air only: there is no body
    assert reduce_scan(np.full_like(hu, -1000), grid).grid.shape == grid.shape


@settings(deadline=None, max_examples=30)
@given(st.integers(50, 60_000))
def test_large_scan_is_made_coarser_in_the_same_box(max_voxels):
    affine = np.diag([0.7, 0.7, 2.5, 1.0])
    affine[:3, 3] = 10, 20, 30
    grid = Grid((40, 50, 20), affine)
    hu = np.full(grid.shape, -500, np.int16)
    reduced = reduce_scan(hu, grid, chest=False, max_voxels=max_voxels)
    assert np.prod(reduced.grid.shape) <= max_voxels
    assert reduced.coarser == (max_voxels < 40_000)
    for share in (0, 1):
        face, before = (
            box.to_world(share * np.array(box.shape) - 0.5) for box in (reduced.grid, grid)
        )
        assert face == pytest.approx(before, abs=1e-6)
    if max_voxels > 15_000:
        # slices that are already coarse keep their spacing
        assert reduced.grid.shape[2] == 20
    # a level is 10 HU wide there, and -500 is between two
    assert np.unique(LEVELS_HU[reduced.levels]).tolist() in ([-504], [-494])


def interpolate(values, start, step, shape) -> np.ndarray:
    """Interpolate as the page does: linear up to the faces of the cells, 0 beyond."""
    axes = [start[a] + step[a] * np.arange(shape[a]) for a in range(3)]
    index = np.array(np.meshgrid(*axes, indexing="ij"))
    sizes = np.reshape(values.shape, (3, 1, 1, 1))
    inside = ((index >= -0.5 - 1e-6) & (index <= sizes - 0.5 + 1e-6)).all(axis=0)
    return inside * map_coordinates(values.astype(float), index, order=1, mode="nearest")


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize(
    "scale", [(4.0, 3.0, 2.5), (-4.0, 3.0, 1.3), (0.4, 2.0, -0.7), (0.3, 0.3, 0.3)]
)
def test_cells_keep_the_positions_of_the_heat_map(turn, scale):
    affine = np.diag([1.5, 1.0, 2.0, 1.0])
    affine[:3, 3] = -20, 7, 3
    grid = Grid((30, 26, 18), affine)
    cells_affine = np.eye(4)
    cells_affine[:3, :3] = (affine[:3, :3] * scale)[:, turn]
    start = np.where(np.array(scale) > 0, 2, np.array(grid.shape) - 3)
    cells_affine[:3, 3] = grid.to_world(start)
    values = np.random.default_rng(1).normal(size=(9, 8, 10)).astype(np.float32)
    heat = HeatMap(values, Grid(values.shape, cells_affine))
    interpolated = interpolate(*cells_on(heat, grid), grid.shape)
    on = heat.on(grid)
    assert np.abs(on).max() > 0.1
    assert np.abs(interpolated - on).max() < 1e-5
