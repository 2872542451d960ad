"""Levels of a scan, against places that are known in mm."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.detection.pyramid import BORDER_MM, OUTSIDE_HU, pyramid
from lungcam.grid import Grid
from lungcam.scans import Scan


@pytest.fixture(scope="module")
def scan() -> Scan:
    """A ball of 12 mm in air, on an oblique grid of thick slices from head to foot."""
    angle = np.deg2rad(10)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([-0.8, -0.8, -2.5])
    affine[:3, 3] = (30, 20, 70)
    grid = Grid((90, 80, 40), affine)
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    hu = np.where(np.linalg.norm(points - middle(grid), axis=-1) < 12, 50, -900)
    return Scan(name="ball", source=Path("ball"), hu=hu.astype(np.int16), grid=grid)


def middle(grid: Grid) -> np.ndarray:
    return grid.to_world((np.array(grid.shape) - 1) / 2) + np.array([3, -2, 4])


def test_a_ball_is_at_its_place_on_every_level(scan):
    searched = np.zeros(scan.grid.canonical.shape, bool)
    searched[10:-10, 10:-10, 4:-4] = True
    levels = pyramid(scan, searched)
    assert [level.spacing_mm for level in levels] == pytest.approx([1, 2, 4, 8])
    for level in levels:
        weight = (level.hu.astype(float) + 900).clip(0)
        index = np.moveaxis(np.indices(level.hu.shape), 0, -1)
        center = (index * weight[..., None]).sum((0, 1, 2)) / weight.sum()
        assert np.linalg.norm(level.grid.to_world(center) - middle(scan.grid)) < 0.5
        voxels = weight.sum() / 950
        assert voxels * level.spacing_mm**3 == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.05)


def test_the_searched_region_has_a_border_of_air(scan):
    searched = np.ones(scan.grid.canonical.shape, bool)
    for level in pyramid(scan, searched):
        border = int(BORDER_MM / level.spacing_mm)
        assert not level.searched[:border].any()
        assert (level.hu[: border - 1] == OUTSIDE_HU).all() if border > 1 else True
        share = level.searched.sum() * level.spacing_mm**3
        assert share == pytest.approx(np.prod(np.multiply((90, 80, 40), (0.8, 0.8, 2.5))), rel=0.2)
