"""One lesion's figures."""

import math

import numpy as np
import pytest

from lungcam.explain import (
    MAP_FIGURES,
    POINT_FIGURES,
    Lesion,
    brightness,
    lung_centers,
    masked_lesion,
    measure_chance,
    measure_map,
    measure_point,
)
from lungcam.grid import Grid

GRID = Grid((40, 30, 20), np.array([[2.0, 0, 0, -40], [0, 2, 0, -30], [0, 0, 2, 9], [0, 0, 0, 1]]))


@pytest.mark.parametrize(
    ("distance", "strict", "near"), [(0, 1, 1), (5, 1, 1), (5.1, 0, 1), (10, 0, 1), (10.1, 0, 0)]
)
def test_pointing_game_of_a_ball(distance, strict, near):
    lesion = Lesion(np.array([1.0, 2, 3]), 10.0)
    found = measure_point(lesion.center_mm + np.array([0, 0, distance]), lesion)
    assert tuple(found) == POINT_FIGURES
    assert found["peak_within_radius"] == strict
    assert found["peak_within_radius_5mm"] == near
    assert math.isnan(found["peak_in_mask"])
    assert found["distance_mm"] == pytest.approx(distance)


def test_a_point_that_is_nowhere_hits_nothing():
    mask = np.ones(GRID.shape, bool)
    found = measure_point(np.full(3, np.nan), masked_lesion(mask, GRID))
    assert list(found.values()) == [0, 0, 0, math.inf]


def test_chance_is_what_random_points_reach():
    lungs = np.zeros(GRID.shape, bool)
    lungs[5:18, 5:25, 3:17], lungs[24:36, 5:25, 3:17] = True, True
    mask = np.zeros(GRID.shape, bool)
    # partly beyond the lungs, where no random point falls
    mask[15:21, 10:16, 6:12] = True
    lesion = masked_lesion(mask, GRID)
    found = measure_chance(lungs, GRID, lesion, lesion.share_on(GRID))
    assert set(found) == {*POINT_FIGURES, *MAP_FIGURES}
    rng = np.random.default_rng(0)
    inside = np.argwhere(lungs)
    drawn = GRID.to_world(inside[rng.integers(0, len(inside), 20_000)])
    games = [measure_point(point, lesion) for point in drawn]
    for name in POINT_FIGURES[:3]:
        share = np.mean([game[name] for game in games])
        assert found[name] == pytest.approx(share, abs=4 * math.sqrt(share / len(games)))
    median = np.median([game["distance_mm"] for game in games])
    assert found["distance_mm"] == pytest.approx(median, abs=1)
    even = measure_map(lungs.astype(float), lesion.share_on(GRID))
    assert {name: found[name] for name in MAP_FIGURES} == even
    assert math.isnan(
        measure_chance(lungs, GRID, Lesion(lesion.center_mm, 9.0), mask.astype(float))[
            "peak_in_mask"
        ]
    )


def test_each_lung_has_a_centre_and_a_crop_one():
    lungs = np.zeros(GRID.shape, bool)
    lungs[3:10, 4:9, 5:8], lungs[25:38, 10:21, 2:5] = True, True
    # a trachea does not part them
    lungs[10:25, 6, 6] = True
    right, left = lung_centers(lungs, GRID)
    assert right[0] > left[0]
    assert np.linalg.norm(right - GRID.to_world((31, 15, 3))) < 3
    assert np.linalg.norm(left - GRID.to_world((6, 6, 6))) < 10
    everything = np.ones(GRID.shape, bool)
    np.testing.assert_allclose(
        lung_centers(everything, GRID), [GRID.to_world((np.array(GRID.shape) - 1) / 2)]
    )


def test_brightness_is_what_is_denser_than_the_median():
    image = np.array([-1.0, 0.5, 0, 0.25, -0.5]).reshape(5, 1, 1)
    found = brightness(image, Grid(image.shape, np.eye(4)))
    assert found.values.ravel().tolist() == [0, 0.5, 0, 0.25, 0]
