"""Maps of several nets, and of mirror images, averaged where they belong."""

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.evaluation.ensemble import CUBE_MIRRORS
from lungcam.explain import EnsembleExplainer, Explainer, HeatMap, mean_map, spread_map
from lungcam.explain.ensemble import explain_mirrored
from lungcam.grid import Grid, resample
from lungcam.nets import EnsembleNet, LogitNet, Small3D

ANGLE = np.deg2rad(20)


def oblique(shape: tuple[int, int, int]) -> Grid:
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([1.5, 1.5, 2.0])
    affine[:3, 3] = (30, -12, 7)
    return Grid(shape, affine)


@pytest.fixture
def maps() -> list[HeatMap]:
    generator = np.random.default_rng(0)
    cells = oblique((5, 6, 7))
    values = generator.normal(size=(3, *cells.shape)).astype(np.float32)
    return [HeatMap(value, cells) for value in values]


def test_a_single_map_stays_as_it_is(maps):
    assert mean_map(maps[:1], [1.0]) is maps[0]
    assert spread_map(maps[:1], [1.0]) is None


def test_mean_and_spread_are_those_of_numpy(maps):
    weights = [0.5, 0.3, 0.2]
    values = np.stack([heat.values for heat in maps])
    mean = mean_map(maps, weights)
    assert np.allclose(mean.values, np.average(values, axis=0, weights=weights), atol=1e-6)
    # on one scale, on which the mean map is their plain mean
    scaled = values * (3 * np.array(weights))[:, None, None, None]
    assert np.allclose(scaled.mean(0), mean.values, atol=1e-6)
    assert np.allclose(spread_map(maps, weights).values, scaled.std(0, ddof=1), atol=1e-6)


@pytest.mark.parametrize("axes", CUBE_MIRRORS, ids=str)
def test_cells_that_are_counted_from_the_other_end_are_the_same_cells(maps, axes):
    heat = maps[0]
    mirrored = HeatMap(np.flip(heat.values, axes), heat.cells.mirror(axes))
    assert np.array_equal(mean_map([heat, mirrored]).values, heat.values)
    places = np.argwhere(np.ones(heat.cells.shape))
    last = np.array(heat.cells.shape) - 1
    seen = np.where([axis in axes for axis in range(3)], last - places, places)
    assert np.allclose(mirrored.cells.to_world(seen), heat.cells.to_world(places))


def test_coarser_cells_are_interpolated_to_the_finest(maps):
    coarse_affine = maps[0].cells.affine @ np.diag([2.0, 2, 2, 1])
    coarse = HeatMap(np.ones((3, 3, 3), np.float32), Grid((3, 3, 3), coarse_affine))
    mean = mean_map([coarse, maps[0]], [0.25, 0.75])
    assert mean.cells is maps[0].cells
    expected = 0.25 * resample(coarse.values, coarse.cells, target=mean.cells)
    assert np.allclose(mean.values, expected + 0.75 * maps[0].values, atol=1e-6)


class Reader(nn.Module):
    """Net with a logit of one place: a strided convolution with uneven padding, and its maximum."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv3d(1, 1, 3, stride=2, padding=1, bias=False)
        nn.init.constant_(self.layer.weight, 1 / 27)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, 1)`."""
        return self.layer(image).amax((2, 3, 4))


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "layercam", "gradcampp"])
def test_the_map_of_mirror_images_lies_where_the_voxel_is(method):
    """The net's cells are not symmetric in the image: flipped arrays would be a voxel off."""
    grid, place = oblique((16, 16, 16)), np.array([5, 9, 4])
    image = torch.zeros(1, 1, *grid.shape)
    image[0, 0, 4:7, 8:11, 3:6] = 1.0
    explainer = Explainer(layer="net.layer", method=method)
    net = LogitNet(Reader())
    heat = explain_mirrored(explainer, net, image, grid=grid, mirrors=CUBE_MIRRORS)
    on = heat.on(grid).clip(0)
    center = np.average(np.argwhere(on > 0), axis=0, weights=on[on > 0])
    assert np.abs(center - place).max() < 0.5
    # each mirror image has its own map at the same place
    for axes in CUBE_MIRRORS:
        flipped = image.flip([2 + axis for axis in axes])
        single = explainer(net, flipped, grid.mirror(axes)).on(grid).clip(0)
        assert np.abs(np.average(np.argwhere(single > 0), axis=0) - place).max() <= 1.01


def test_the_explainer_of_an_ensemble_averages_its_nets():
    torch.manual_seed(0)
    nets = [LogitNet(Small3D()).eval() for _ in range(2)]
    grid = oblique((16, 14, 12))
    image = torch.rand(1, 1, *grid.shape)
    ensemble = LogitNet(EnsembleNet(nets, [0.75, 0.25]))
    explainers = [Explainer(layer="net.conv3", evidence="for") for _ in nets]
    explainer = EnsembleExplainer(explainers=explainers)
    alone = [single(net, image, grid) for single, net in zip(explainers, nets, strict=True)]
    heat = explainer(ensemble, image, grid)
    assert np.allclose(heat.values, 0.75 * alone[0].values + 0.25 * alone[1].values, atol=1e-6)
    assert (explainer.layer, explainer.method, explainer.evidence) == (
        "net.conv3",
        "gradcam",
        "for",
    )
    signed = explainer.showing("both")
    assert signed.evidence == "both"
    assert signed(ensemble, image, grid).values.min() < 0 <= heat.values.min()
    mixed = EnsembleExplainer(explainers=[explainers[0], Explainer(layer="net.conv2")])
    assert mixed.layer == "net.conv3, conv2"
