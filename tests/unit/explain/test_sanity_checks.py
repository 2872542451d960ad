"""Randomised nets, shifted and noisy inputs, and the similarity of maps."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from lungcam.explain import HeatMap
from lungcam.explain.sanity_checks import (
    NOISE,
    STAGES,
    add_noise,
    cascading_randomisation,
    compare_maps,
    rank_correlation,
    repeatability,
    shift_image,
    untrained_net,
)
from lungcam.grid import Grid
from lungcam.nets import Small3D


class Scaled(nn.Module):
    """Layer with a weight of its own and no `reset_parameters`."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1))

    def forward(self, x):
        return x * self.scale


@pytest.fixture
def net():
    torch.manual_seed(3)
    layers = nn.Conv3d(1, 3, 3), nn.BatchNorm3d(3), Scaled(), nn.AdaptiveMaxPool3d(1)
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(3, 1))
    net.register_buffer("constant", torch.arange(4.0), persistent=False)
    net(torch.randn(4, 1, 6, 6, 6))  # changes the running statistics
    return net.train()


IMAGE = torch.zeros(1, 1, 6, 6, 6)


def tensor_bytes(net):
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return {name: tensor.detach().numpy().tobytes() for name, tensor in tensors.items()}


def test_layers_are_randomised_from_the_head_down(net):
    before, stages = tensor_bytes(net), []
    for name, changed in cascading_randomisation(net, IMAGE):
        after = tensor_bytes(changed)
        differ = {key.split(".")[0] for key in before if before[key] != after[key]}
        stages.append((name, differ))
    assert stages == [
        ("5", {"5"}),
        ("2", {"5", "2"}),
        ("1", {"5", "2", "1"}),
        ("0", {"5", "2", "1", "0"}),
    ]


@pytest.mark.parametrize("ending", ["complete", "stopped", "error"])
def test_the_net_and_the_random_state_are_left_unchanged(net, ending):
    if ending == "error":
        net[5] = nn.Linear(7, 1)
    before, state, training = tensor_bytes(net), torch.get_rng_state(), net.training
    stages = cascading_randomisation(net, IMAGE)
    if ending == "complete":
        list(stages)
    elif ending == "stopped":
        next(stages)
        del stages
    else:
        with pytest.raises(RuntimeError, match="mat1"):
            next(stages)
    assert tensor_bytes(net) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training == training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_random_weights_are_not_the_initial_weights_of_a_seeded_training():
    for seed in range(4):
        torch.manual_seed(seed)
        initial = nn.Sequential(nn.Conv3d(1, 3, 3))
        assert tensor_bytes(untrained_net(initial, IMAGE, seed=seed)) != tensor_bytes(initial)


def test_random_weights_depend_on_the_seed_alone(net):
    first, repeated, other = (
        tensor_bytes(untrained_net(net, IMAGE, seed=seed)) for seed in (5, 5, 6)
    )
    assert first == repeated
    assert first != other


def test_a_deep_net_is_randomised_in_few_stages():
    deep = nn.Sequential(*(nn.Conv3d(1, 1, 1) for _ in range(30)))
    names = [name for name, _ in cascading_randomisation(deep, IMAGE)]
    assert len(names) == STAGES
    assert names[-1] == "0"


def test_the_stages_of_small3d_run_from_head_to_input():
    names = [name for name, _ in cascading_randomisation(Small3D(), torch.zeros(1, 1, 8, 8, 8))]
    assert names == ["fc3", "fc2", "fc1", "conv3", "norm2", "conv2", "norm1", "conv1"]


GRID = Grid((9, 8, 10), np.diag([-5.0, 5.0, 4.0, 1.0]))


def blob():
    offset = np.stack(np.indices(GRID.shape), axis=-1) - [4, 4, 5]
    return torch.tensor(np.exp(-(offset**2).sum(-1) / 4), dtype=torch.float32)[None, None]


def test_a_shifted_grid_shows_the_same_patient():
    image = torch.randn(1, 1, *GRID.shape)
    shifted, grid = shift_image(image, GRID, by=(2, -1, 0))
    index = np.array([3, 4, 5])
    source = GRID.to_index(grid.to_world(index)).round().astype(int)
    assert source.tolist() == [5, 3, 5]
    assert shifted[(0, 0, *index)] == image[(0, 0, *source)]
    # the outermost voxels are repeated
    assert torch.equal(shifted[0, 0, -1, 1:], image[0, 0, -1, :-1])


def test_a_map_of_the_image_itself_is_repeated_exactly():
    image = blob()
    result = repeatability(
        lambda image, grid: HeatMap(image[0, 0].numpy(), grid),
        image,
        grid=GRID,
        where=np.ones(GRID.shape, bool),
    )
    assert result["shift"] == {
        "spearman": pytest.approx(1, abs=1e-6),
        "peak_mm": pytest.approx(0, abs=1e-9),
        "steady": 1,
    }
    assert result["noise"]["spearman"] > 0.5


def test_a_map_that_depends_on_the_frame_moves_with_it():
    fixed = blob()[0, 0].numpy()
    result = repeatability(
        lambda _image, grid: HeatMap(fixed, grid),
        blob(),
        grid=GRID,
        where=np.ones(GRID.shape, bool),
    )
    moved = [5, 5, 4, np.linalg.norm([10, 10, 8])]
    assert result["shift"]["peak_mm"] == pytest.approx(np.mean(moved))
    # two voxels along each axis are more than a cell's diagonal
    assert result["shift"]["steady"] == 0.75
    assert result["shift"]["spearman"] < 0.95
    assert result["noise"] == {"spearman": pytest.approx(1), "peak_mm": 0}


def test_an_empty_map_is_not_repeated():
    empty = np.zeros(GRID.shape, np.float32)
    result = repeatability(
        lambda _image, grid: HeatMap(empty, grid),
        blob(),
        grid=GRID,
        where=np.ones(GRID.shape, bool),
    )
    assert result["shift"]["steady"] == result["shift"]["spearman"] == 0
    assert np.isnan(result["shift"]["peak_mm"])


def test_noise_is_slight_and_seeded_and_leaves_torchs_random_state():
    image, state = torch.randn(1, 1, 32, 32, 32) * 3 + 1, torch.get_rng_state()
    first = add_noise(image, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, add_noise(image, 1))
    assert not torch.equal(first, add_noise(image, 2))
    assert float((first - image).std() / image.std()) == pytest.approx(NOISE, rel=0.02)


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(0)
    first = generator.integers(0, 5, (6, 5, 4)).astype(float)
    second = first + generator.normal(size=first.shape)
    expected = spearmanr(first.ravel(), second.ravel()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)


def test_a_constant_map_has_no_rank_correlation():
    assert rank_correlation(np.zeros(8), np.arange(8.0)) == 0
    assert rank_correlation(np.array([]), np.array([])) == 0


def test_maps_are_compared_in_the_scanners_space():
    values = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
    values[4, 4, 4] = 2
    grid = Grid((8, 8, 8), np.diag([5.0, 5.0, 5.0, 1.0]))
    # the same patient through cells that are shifted by one
    part = HeatMap(values[1:, :, :-2], grid.crop((slice(1, 8), slice(0, 8), slice(0, 6))))
    whole = HeatMap(values, grid)
    comparison = compare_maps(whole, part, where=np.ones(grid.shape, bool))
    assert comparison == {"spearman": pytest.approx(1), "peak_mm": pytest.approx(0, abs=1e-9)}
    # as arrays they do not fit: moved by a cell, their peaks are apart
    moved = HeatMap(values, Grid(grid.shape, part.cells.affine))
    assert compare_maps(whole, moved, where=np.ones(grid.shape, bool))["peak_mm"] == pytest.approx(
        5
    )
    empty = HeatMap(np.zeros_like(values), grid)
    assert np.isnan(compare_maps(whole, empty, where=np.ones(grid.shape, bool))["peak_mm"])
