"""Occlusion on linear nets, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.explain import explain
from lungcam.explain.occlusion import occlusion
from lungcam.grid import Grid

AFFINE = np.array([[0, -2.0, 0, 10], [0.5, 0, 0, 20], [0, 0, -3, 30], [0, 0, 0, 1]])


class Weighted(nn.Module):
    """Weighted sum of all voxels; counts the images that it receives."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights)
        self.seen = 0

    def forward(self, image):
        self.seen += len(image)
        return (image * self.weights).sum((1, 2, 3, 4))[:, None]


@pytest.mark.parametrize("shape", [(13, 14, 25), (24, 30, 36), (11, 11, 12)])
def test_a_block_has_its_contribution_to_the_logit(shape):
    """For a linear net: the weighted sum over the block, less the background's."""
    rng = torch.Generator().manual_seed(0)
    weights, image = (torch.randn(1, 1, *shape, generator=rng) for _ in range(2))
    grid = Grid(shape, AFFINE)
    values, cells = occlusion(Weighted(weights), image, grid=grid, background=-1.0)
    assert values.shape == cells.shape
    step = -(-min(shape) // 12)
    assert grid.to_index(cells.to_world((1, 0, 0))) - grid.to_index(
        cells.to_world((0, 0, 0))
    ) == pytest.approx([step, 0, 0])
    contribution = ((image + 1) * weights)[0, 0].numpy()
    index = np.stack(np.indices(shape), axis=-1)
    half = (step + 2 * (step // 2)) / 2
    for cell in [(0, 0, 0), (1, 2, 3), tuple(np.array(cells.shape) - 1)]:
        center = grid.to_index(cells.to_world(cell))
        within = (np.abs(index - center) < half).all(axis=-1)
        assert values[cell] == pytest.approx(contribution[within].sum(), abs=1e-3)


@pytest.mark.parametrize("shape", [(13, 14, 25), (32, 32, 32), (64, 48, 64)])
def test_cells_cover_the_image(shape):
    image = torch.full((1, 1, *shape), -1.0)
    _, cells = occlusion(
        Weighted(torch.ones(1)), image, grid=Grid(shape, np.eye(4)), background=-1.0
    )
    step = cells.spacing_mm[0]
    assert (cells.to_world((0, 0, 0)) - step / 2 <= -0.5).all()
    last = cells.to_world(np.array(cells.shape) - 1)
    assert (last + step / 2 >= np.array(shape) - 0.5).all()
    assert (last - step / 2 < np.array(shape) - 0.5).all()


def test_blocks_that_change_nothing_are_skipped():
    image = torch.full((1, 1, 24, 24, 24), 0.5)
    image[0, 0, 5, 5, 5] = 2
    net = Weighted(torch.ones(1))
    values, cells = occlusion(net, image, grid=Grid((24, 24, 24), np.eye(4)), background=0.5)
    # cells of 2 voxels, blocks of 4: two along each axis hold the voxel
    assert net.seen == 1 + 2**3
    assert (values > 0).sum() == 8
    assert values.max() == pytest.approx(1.5)
    center = np.argwhere(values > 0).mean(axis=0)
    assert cells.to_world(center) == pytest.approx(np.full(3, 5.5))


def test_the_layer_is_ignored():
    shape = (12, 12, 12)
    net, grid = Weighted(-torch.ones(1)), Grid(shape, np.eye(4))
    against = explain(
        net,
        torch.zeros(1, 1, *shape),
        grid=grid,
        layer="none",
        method="occlusion",
        evidence="against",
    )
    assert against.values == pytest.approx(np.ones(shape))


def test_net_is_left_as_it_was():
    net = nn.Sequential(nn.Conv3d(1, 1, 3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(1000, 1))
    image = torch.randn(1, 1, 12, 12, 12)
    before = image.clone()
    first, _ = occlusion(net, image, grid=Grid((12, 12, 12), np.eye(4)), background=0.0)
    assert net.training
    assert torch.equal(image, before)
    assert torch.is_grad_enabled()
    second, _ = occlusion(net, image, grid=Grid((12, 12, 12), np.eye(4)), background=0.0)
    assert np.array_equal(first, second)
