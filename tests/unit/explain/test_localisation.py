"""Localisation of a lesion: pointing game, energy and overlap, by hand and against MONAI."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice, compute_iou

from lungcam.explain import (
    LEVELS,
    MAP_METRICS,
    POINT_METRICS,
    Lesion,
    brightness,
    energy_inside,
    is_hit,
    lung_centers,
    masked_lesion,
    measure_chance,
    measure_map,
    measure_point,
    overlap,
    peak_mm,
    random_hit_share,
)
from lungcam.grid import Grid


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_map_without_a_peak_points_nowhere_and_hits_nothing(value):
    peak = peak_mm(np.full((3, 3, 3), value), Grid((3, 3, 3), np.eye(4)))
    assert np.isnan(peak).all()
    assert is_hit(peak, np.zeros(3), diameter_mm=1000) is False


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
    assert is_hit(center + peak, center, diameter_mm=diameter) is hit


def test_random_hit_share_of_a_cube_is_the_balls_share_of_it():
    grid = Grid((50, 50, 25), np.diag([1.0, 1.0, 2.0, 1.0]))
    lungs = np.ones(grid.shape, bool)
    center = grid.to_world((np.array(grid.shape) - 1) / 2)
    share = random_hit_share(lungs, grid, center_mm=center, diameter_mm=20.0)
    assert share == pytest.approx(4 / 3 * math.pi * 15**3 / 50**3, rel=0.02)


def test_random_hit_share_counts_the_lungs_alone():
    grid = Grid((40, 20, 20), np.eye(4))
    lungs = np.zeros(grid.shape, bool)
    lungs[10:12, 10, 10], lungs[30:32, 10, 10] = True, True

    def share(x: float, diameter: float) -> float:
        center = np.array([x, 10, 10])
        return random_hit_share(lungs, grid, center_mm=center, diameter_mm=diameter)

    assert share(10, 4) == 0.5
    assert share(20, 4) == 0
    assert share(20, 40) == 1


GRID = Grid((40, 30, 20), np.array([[2.0, 0, 0, -40], [0, 2, 0, -30], [0, 0, 2, 9], [0, 0, 0, 1]]))


@pytest.mark.parametrize(
    ("distance", "strict", "near"), [(0, 1, 1), (5, 1, 1), (5.1, 0, 1), (10, 0, 1), (10.1, 0, 0)]
)
def test_pointing_game_of_a_ball(distance, strict, near):
    lesion = Lesion(center_mm=np.array([1.0, 2, 3]), diameter_mm=10.0)
    game = measure_point(lesion.center_mm + np.array([0, 0, distance]), lesion)
    assert tuple(game) == POINT_METRICS
    assert game["peak_within_radius"] == strict
    assert game["peak_within_radius_5mm"] == near
    assert math.isnan(game["peak_in_mask"])
    assert game["distance_mm"] == pytest.approx(distance)


def test_a_nan_point_hits_nothing():
    mask = np.ones(GRID.shape, bool)
    game = measure_point(np.full(3, np.nan), masked_lesion(mask, GRID))
    assert list(game.values()) == [0, 0, 0, math.inf]


def test_chance_is_the_mean_over_random_points():
    lungs = np.zeros(GRID.shape, bool)
    lungs[5:18, 5:25, 3:17], lungs[24:36, 5:25, 3:17] = True, True
    mask = np.zeros(GRID.shape, bool)
    # partly beyond the lungs, where no random point falls
    mask[15:21, 10:16, 6:12] = True
    lesion = masked_lesion(mask, GRID)
    chance = measure_chance(lungs, GRID, lesion=lesion, share=lesion.share_on(GRID))
    assert set(chance) == {*POINT_METRICS, *MAP_METRICS}
    rng = np.random.default_rng(0)
    inside = np.argwhere(lungs)
    points = GRID.to_world(inside[rng.integers(0, len(inside), 20_000)])
    games = [measure_point(point, lesion) for point in points]
    for name in POINT_METRICS[:3]:
        share = np.mean([game[name] for game in games])
        assert chance[name] == pytest.approx(share, abs=4 * math.sqrt(share / len(games)))
    median = np.median([game["distance_mm"] for game in games])
    assert chance["distance_mm"] == pytest.approx(median, abs=1)
    uniform = measure_map(lungs.astype(float), lesion.share_on(GRID))
    assert {name: chance[name] for name in MAP_METRICS} == uniform
    assert math.isnan(
        measure_chance(
            lungs,
            GRID,
            lesion=Lesion(center_mm=lesion.center_mm, diameter_mm=9.0),
            share=mask.astype(float),
        )["peak_in_mask"]
    )


def test_each_lung_has_a_centre_and_a_crop_has_one():
    lungs = np.zeros(GRID.shape, bool)
    lungs[3:10, 4:9, 5:8], lungs[25:38, 10:21, 2:5] = True, True
    # a trachea does not separate them
    lungs[10:25, 6, 6] = True
    right, left = lung_centers(lungs, GRID)
    assert right[0] > left[0]
    assert np.linalg.norm(right - GRID.to_world((31, 15, 3))) < 3
    assert np.linalg.norm(left - GRID.to_world((6, 6, 6))) < 10
    everything = np.ones(GRID.shape, bool)
    np.testing.assert_allclose(
        lung_centers(everything, GRID), [GRID.to_world((np.array(GRID.shape) - 1) / 2)]
    )


def test_brightness_is_the_excess_over_the_median():
    image = np.array([-1.0, 0.5, 0, 0.25, -0.5]).reshape(5, 1, 1)
    heat = brightness(image, Grid(image.shape, np.eye(4)))
    assert heat.values.ravel().tolist() == [0, 0.5, 0, 0.25, 0]


def test_energy_by_hand():
    heat = np.array([[[3.0, 1, -50, 4]]])
    # all of the first voxel, half of the second and all of the third are lesion
    assert energy_inside(heat, np.array([[[1, 0.5, 1, 0]]])) == 3.5 / 8
    assert energy_inside(-np.ones((2, 2, 2)), np.ones((2, 2, 2))) == 0


def test_a_map_that_is_the_lesion_is_perfect():
    lesion = np.zeros((6, 6, 6))
    lesion[1:3, 2:5, 3] = 1
    assert energy_inside(0.01 * lesion, lesion) == 1
    assert [overlap(0.01 * lesion, lesion, level=level) for level in LEVELS] == [(1, 1)] * 3


@pytest.mark.parametrize("level", LEVELS)
def test_overlap_is_that_of_monai(level):
    rng = np.random.default_rng(0)
    heat, lesion = rng.normal(size=(7, 8, 9)), rng.random((7, 8, 9)) > 0.7
    hot = torch.tensor(heat >= level * heat.max())[None, None]
    truth = torch.tensor(lesion)[None, None]
    iou, dice = overlap(heat, lesion.astype(np.float32), level=level)
    assert iou == pytest.approx(float(compute_iou(hot, truth)))
    assert dice == pytest.approx(float(compute_dice(hot, truth)))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_map_without_heat_covers_nothing(value):
    assert overlap(np.full((3, 3, 3), value), np.ones((3, 3, 3)), level=0.5) == (0, 0)


@settings(deadline=None)
@given(st.integers(0, 1000), st.sampled_from(LEVELS), st.floats(0.001, 1000))
def test_measures_do_not_depend_on_the_scale_and_dice_follows_iou(seed, level, scale):
    rng = np.random.default_rng(seed)
    heat, share = rng.normal(size=(5, 5, 5)), rng.random((5, 5, 5))
    iou, dice = overlap(heat, share, level=level)
    assert dice == pytest.approx(2 * iou / (1 + iou))
    assert 0 <= iou <= 1
    assert energy_inside(scale * heat, share) == pytest.approx(energy_inside(heat, share))
