"""Place of a point in the lungs, in two boxes on an oblique grid."""

import numpy as np
import pytest

from lungcam.grid import Grid
from lungcam.lungs.location import REACH_MM, locate


@pytest.fixture(scope="module")
def chest() -> tuple[np.ndarray, Grid]:
    """Right lung from index 60 on, of 90 slices, and a left one of 60 slices."""
    lungs = np.zeros((100, 60, 120), bool)
    lungs[60:90, 10:50, 10:100] = True
    lungs[10:40, 10:50, 40:100] = True
    angle = np.deg2rad(8)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([1.5, 1.5, 2.0])
    affine[:3, 3] = (-70, 30, -200)
    return lungs, Grid(lungs.shape, affine)


@pytest.mark.parametrize(
    ("index", "side", "third", "pleura_mm"),
    [
        ((75, 30, 90), "right", "upper", 20),
        ((75, 30, 20), "right", "lower", 22),
        ((65, 30, 55), "right", "middle", 9),
        ((25, 30, 50), "left", "lower", 22),
        ((25, 30, 70), "left", "middle", 22.5),
        # in the wall
        ((95, 30, 60), "right", "middle", 0),
    ],
)
def test_a_point_has_a_side_a_third_and_a_depth(chest, index, side, third, pleura_mm):
    lungs, grid = chest
    place = locate(grid.to_world(np.array(index)), grid, lungs=lungs, closed=lungs)
    assert (place.side, place.third) == (side, third)
    assert place.pleura_mm == pytest.approx(pleura_mm, abs=2.5)


def test_the_words_are_those_of_the_parts(chest):
    lungs, grid = chest
    place = locate(grid.to_world(np.array((75, 30, 90))), grid, lungs=lungs, closed=lungs)
    assert str(place).startswith("right lung, upper third, ")


def test_far_from_any_wall_the_depth_is_the_reach(chest):
    _, grid = chest
    everything = np.ones(grid.shape, bool)
    place = locate(grid.to_world(np.array((50, 30, 60))), grid, lungs=everything, closed=everything)
    assert place.pleura_mm == REACH_MM
