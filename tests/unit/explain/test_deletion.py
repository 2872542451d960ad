"""Deletion and insertion on linear nets with known areas."""

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.explain.deletion import (
    area_under_curve,
    deletion_areas,
    deletion_curve,
    nearest_cells,
    steps,
)
from lungcam.grid import Grid

GRID = Grid((6, 5, 4), np.diag([2.0, 3.0, 4.0, 1.0]))


class Weighted(nn.Module):
    """Linear net: the contribution of each voxel to the logit is known."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights, dtype=torch.float32))

    def forward(self, image):
        return (image * self.weights).sum(dim=(1, 2, 3, 4))


def areas_of(weights, heat, cells=GRID, background=0.0, seed=0):
    """Compute the areas of a net with these contributions of the voxels."""
    net, image = Weighted(np.asarray(weights)), torch.ones(1, 1, *GRID.shape)
    return deletion_areas(
        net, image, grid=GRID, heat=heat, cells=cells, background=background, seed=seed
    )


@pytest.mark.parametrize("seed", range(3))
def test_equal_voxels_fall_along_a_straight_line_in_any_order(seed):
    areas = areas_of(np.full(GRID.shape, 0.1), np.random.default_rng(seed).random(GRID.shape))
    for name in ("deletion", "deletion_random", "insertion", "insertion_random"):
        assert areas[name] == pytest.approx(0.1 * 120 / 2, rel=1e-5)


def test_a_single_voxel_is_deleted_and_inserted_at_the_first_step():
    weights = np.zeros(GRID.shape)
    weights[3, 2, 1] = 8.0
    areas = areas_of(weights, weights)
    first = steps(120)[1] / 120
    assert areas["deletion"] == pytest.approx(8 * first / 2, rel=1e-6)
    assert areas["insertion"] == pytest.approx(8 * (1 - first / 2), rel=1e-6)
    # a map that points away from it deletes it last
    away = areas_of(weights, -weights)
    last = 1 - steps(120)[-2] / 120
    assert away["deletion"] == pytest.approx(8 * (1 - last / 2), rel=1e-6)


def test_areas_of_a_linear_net_follow_from_its_sorted_terms():
    weights = np.random.default_rng(0).normal(size=GRID.shape)
    areas = areas_of(weights, weights)
    deleted = np.concatenate([[0], np.sort(weights.ravel())[::-1].cumsum()])[steps(120)]
    expected = np.trapezoid(weights.sum() - deleted, steps(120) / 120)
    assert areas["deletion"] == pytest.approx(expected, abs=1e-4)
    # with a background of 0, the cells left and the cells inserted add up to all
    assert areas["deletion"] + areas["insertion"] == pytest.approx(weights.sum(), abs=1e-4)
    assert areas["deletion"] < areas["deletion_random"]
    assert areas["insertion"] > areas["insertion_random"]
    assert 0 < areas["deletion_probability"] < 1
    assert 0 < areas["insertion_probability"] < 1


def test_background_replaces_deleted_cells():
    net, image = Weighted(np.ones(GRID.shape)), torch.full((1, 1, *GRID.shape), 3.0)
    logits = deletion_curve(
        net,
        image,
        rank=np.arange(120).reshape(GRID.shape),
        count=120,
        background=-0.5,
        insert=False,
    )
    deleted = steps(120)
    assert logits == pytest.approx(3.0 * (120 - deleted) - 0.5 * deleted, abs=1e-3)
    assert logits[0] == pytest.approx(360)
    assert logits[-1] == pytest.approx(-60)


@pytest.mark.parametrize("start", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_voxels_belong_to_the_nearest_cell(stride, start):
    directions = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, -1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions * [2, 3, 4], [5, -7, 9]
    grid = Grid((6, 5, 4), affine)
    to_input = np.diag([stride, stride, stride, 1.0])
    to_input[:3, 3] = start
    cells = Grid((3, 2, 2), affine @ to_input)
    points = grid.to_world(np.stack(np.indices(grid.shape), axis=-1).reshape(-1, 3))
    centers = cells.to_world(np.stack(np.indices(cells.shape), axis=-1).reshape(-1, 3))
    distance = np.linalg.norm(points[:, None] - centers, axis=-1)
    own = np.take_along_axis(distance, nearest_cells(cells, grid).reshape(-1, 1), axis=1)[:, 0]
    assert own == pytest.approx(distance.min(axis=1))


def test_a_constant_map_has_a_random_order():
    weights = np.random.default_rng(1).normal(size=GRID.shape)
    flat = np.zeros(GRID.shape)
    areas = [areas_of(weights, flat, seed=seed)["deletion"] for seed in range(3)]
    assert len(set(areas)) == 3
    assert areas_of(weights, flat, seed=2)["deletion"] == areas[2]


def test_the_net_is_left_as_it_was():
    net, image = Weighted(np.ones(GRID.shape)).train(), torch.ones(1, 1, *GRID.shape)
    deletion_areas(net, image, grid=GRID, heat=np.ones(GRID.shape), cells=GRID, background=0.0)
    assert net.training
    assert net.weights.grad is None
    assert area_under_curve(np.ones(len(steps(50))), 50) == pytest.approx(1)
