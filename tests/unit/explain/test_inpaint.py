"""Erased regions, their controls, and the lung painted over them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from lungcam.explain.inpaint import (
    AERATED_HU,
    MARGIN_MM,
    control_region,
    dilated_mask,
    highlighted_regions,
    inpaint,
    sphere,
)
from lungcam.grid import Grid

GRID = Grid((60, 56, 40), np.diag([0.8, 0.8, 1.5, 1.0]))
CENTER = GRID.to_world((30, 28, 20))


def lung(seed=0):
    """Lung that is denser towards the back, with the correlated grain of a scanner."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=GRID.shape), 0.8)
    slope = np.linspace(40, -40, GRID.shape[1])[:, None]
    return np.rint(-850 + slope + noise / noise.std() * 25).astype(np.int16)


def with_nodule():
    hu = lung()
    hu[sphere(GRID, CENTER, diameter_mm=8)] = 30
    return hu


def test_nothing_outside_the_region_changes():
    hu, region = with_nodule(), sphere(GRID, CENTER, diameter_mm=10)
    before = hu.copy()
    painted = inpaint(hu, region, grid=GRID)
    assert np.array_equal(hu, before)
    assert painted.dtype == np.int16
    assert np.array_equal(painted[~region], hu[~region])


def test_painted_lung_is_like_the_lung_before_the_nodule():
    region = sphere(GRID, CENTER, diameter_mm=10)
    painted, truth = inpaint(with_nodule(), region, grid=GRID)[region], lung()[region]
    assert painted.mean() == pytest.approx(truth.mean(), abs=5)
    assert painted.std() == pytest.approx(truth.std(), rel=0.25)
    assert painted.min() >= AERATED_HU[0]
    assert painted.max() <= AERATED_HU[1]
    # the trend goes on: voxels at the back are denser
    back = np.argwhere(region)[:, 1] < 28
    expected = truth[back].mean() - truth[~back].mean()
    assert painted[back].mean() - painted[~back].mean() == pytest.approx(expected, abs=8)


def test_the_grain_of_neighbours_is_correlated_as_the_scans():
    region = sphere(GRID, CENTER, diameter_mm=14)
    pairs = region[1:] & region[:-1]

    def correlation(hu):
        return np.corrcoef(hu[1:][pairs], hu[:-1][pairs])[0, 1]

    assert correlation(inpaint(with_nodule(), region, grid=GRID)) == pytest.approx(
        correlation(lung()), abs=0.15
    )


def test_next_to_the_chest_wall_lung_is_painted_and_no_wall():
    hu = with_nodule()
    hu[:, 36:] = 40
    region = sphere(GRID, CENTER, diameter_mm=10)
    painted = inpaint(hu, region, grid=GRID)
    assert painted[region].mean() == pytest.approx(-850, abs=25)


def test_painting_depends_on_the_seed_alone():
    hu, region = with_nodule(), sphere(GRID, CENTER, diameter_mm=10)
    assert np.array_equal(
        inpaint(hu, region, grid=GRID, seed=3), inpaint(hu, region, grid=GRID, seed=3)
    )
    assert not np.array_equal(
        inpaint(hu, region, grid=GRID, seed=3), inpaint(hu, region, grid=GRID, seed=4)
    )


def test_a_region_without_lung_around_it_is_refused():
    hu = np.full(GRID.shape, 40, np.int16)
    with pytest.raises(ValueError, match="no lung around"):
        inpaint(hu, sphere(GRID, CENTER, diameter_mm=10), grid=GRID)


def test_a_region_at_the_images_edge_is_painted():
    region = sphere(GRID, GRID.to_world((0, 28, 39)), diameter_mm=10)
    painted = inpaint(with_nodule(), region, grid=GRID)
    assert painted[region].mean() == pytest.approx(lung()[region].mean(), abs=10)


def oblique(shape=(40, 36, 30), spacing=(1.0, 1.5, 2.0)):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [10, -20, 35], degrees=True).as_matrix() * spacing
    affine[:3, 3] = (30, -70, 12)
    return Grid(shape, affine)


def test_a_sphere_holds_the_voxels_within_its_radius_and_the_margin():
    grid = oblique()
    center = grid.to_world((17.3, 15.1, 14.8))
    points = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    expected = np.linalg.norm(points - center, axis=-1) <= 5 + MARGIN_MM
    assert np.array_equal(sphere(grid, center, diameter_mm=10), expected)


@pytest.mark.parametrize("index", [(0, 0, 0), (39, 35, 29), (-30, 10, 10), (90, 90, 90)])
def test_a_sphere_at_the_edge_or_beyond_it_is_cut(index):
    grid = oblique()
    center = grid.to_world(np.add(index, 0.3))
    points = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    expected = np.linalg.norm(points - center, axis=-1) <= 5 + MARGIN_MM
    assert np.array_equal(sphere(grid, center, diameter_mm=10), expected)


def test_a_mask_is_dilated_by_the_margin():
    grid, mask = oblique(), np.zeros((40, 36, 30), bool)
    mask[20, 18, 15] = True
    assert np.array_equal(
        dilated_mask(mask, grid), sphere(grid, grid.to_world((20, 18, 15)), diameter_mm=0)
    )


def test_the_three_strongest_regions_are_highlighted_and_dilated_by_a_cell():
    grid, heat = oblique(), np.zeros((40, 36, 30), np.float32)
    places = {(5, 5, 5): 3.0, (20, 20, 20): 4.0, (30, 8, 8): 2.5, (8, 28, 8): 2.2, (33, 30, 25): 1}
    for place, value in places.items():
        heat[place] = value
    heat[21, 21, 21] = 2.5  # it touches the strongest
    regions = highlighted_regions(heat, grid, cell_mm=2.5)
    for region, place in zip(regions, [(20, 20, 20), (5, 5, 5), (30, 8, 8)], strict=True):
        assert region[place]
    assert regions[0][21, 21, 21]
    assert np.array_equal(
        regions[1], sphere(grid, grid.to_world((5, 5, 5)), diameter_mm=-2 * MARGIN_MM + 5)
    )


def test_only_voxels_that_the_net_sees_are_highlighted():
    grid, heat = oblique(), np.zeros((40, 36, 30), np.float32)
    heat[5, 5, 5], heat[20, 20, 20] = 9, 1
    seen = np.zeros(heat.shape, bool)
    seen[18:22] = True
    (region,) = highlighted_regions(heat, grid, cell_mm=5.0, seen=seen)
    assert region[20, 20, 20]
    assert not (region & ~seen).any()


def test_a_map_without_evidence_highlights_nothing():
    assert (
        highlighted_regions(np.zeros((5, 5, 5), np.float32), oblique((5, 5, 5)), cell_mm=5.0) == []
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_control_is_as_large_within_the_lungs_and_off_the_lesions(seed):
    region = np.zeros((30, 30, 30), bool)
    region[3:8, 3:8, 3:6] = True
    lungs = np.zeros_like(region)
    lungs[:, :, :20] = True
    moved = control_region(region, lungs, avoided=region, seed=seed)
    assert moved.sum() == region.sum()
    assert not (moved & region).any()
    assert (moved & lungs).sum() >= 0.9 * moved.sum()
    offset = np.argwhere(moved)[0] - np.argwhere(region)[0]
    assert np.array_equal(np.argwhere(region) + offset, np.argwhere(moved))
    assert np.array_equal(moved, control_region(region, lungs, avoided=region, seed=seed))


def test_without_a_free_place_there_is_no_control():
    region = np.zeros((8, 8, 8), bool)
    region[1:7, 1:7, 1:7] = True
    assert control_region(region, np.ones_like(region), avoided=region) is None
    assert control_region(region, region, avoided=region) is None
