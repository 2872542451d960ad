import math

import numpy as np
import pytest

from lungcam.explain import is_hit, peak_mm, random_hit_share
from lungcam.grid import Grid


def test_peak_is_the_highest_cell_in_mm():
    affine = np.array([[-4.0, 0, 0, 100], [0, 0, 5, -50], [0, 6, 0, 20], [0, 0, 0, 1]])
    heat = np.random.default_rng(0).random((5, 6, 7))
    heat[4, 1, 3] = 2
    assert peak_mm(heat, Grid(heat.shape, affine)).tolist() == [84, -35, 26]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_map_without_a_peak_points_nowhere_and_hits_nothing(value):
    peak = peak_mm(np.full((3, 3, 3), value), Grid((3, 3, 3), np.eye(4)))
    assert np.isnan(peak).all()
    assert is_hit(peak, np.zeros(3), 1000) is False


@pytest.mark.parametrize(
    ("peak", "diameter", "hit"),
    [
        ((0, 0, 0), 0, True),
        ((3, 0, 4), 0, True),
        ((3, 0, 4.01), 0, False),
        ((0, 15, 0), 20, True),
        ((0, 15.01, 0), 20, False),
        ((-9, 0, -12), 20, True),
        ((10, 10, 10), 20, False),
    ],
)
def test_hit_lies_within_the_radius_and_5_mm(peak, diameter, hit):
    center = np.array([-60.0, 12.0, -300.0])
    assert is_hit(center + peak, center, diameter) is hit


def test_random_hit_share_of_a_cube_is_the_ball_s_share_of_it():
    grid = Grid((50, 50, 25), np.diag([1.0, 1.0, 2.0, 1.0]))
    lungs = np.ones(grid.shape, bool)
    center = grid.to_world((np.array(grid.shape) - 1) / 2)
    share = random_hit_share(lungs, grid, center, 20.0)
    assert share == pytest.approx(4 / 3 * math.pi * 15**3 / 50**3, rel=0.02)


def test_random_hit_share_counts_the_lungs_alone():
    grid = Grid((40, 20, 20), np.eye(4))
    lungs = np.zeros(grid.shape, bool)
    lungs[10:12, 10, 10], lungs[30:32, 10, 10] = True, True
    assert random_hit_share(lungs, grid, np.array([10.0, 10, 10]), 4.0) == 0.5
    assert random_hit_share(lungs, grid, np.array([20.0, 10, 10]), 4.0) == 0
    assert random_hit_share(lungs, grid, np.array([20.0, 10, 10]), 40.0) == 1
