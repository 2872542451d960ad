import pytest
import torch
from torch import nn

from lungcam.explain.randomisation import STAGES, cascade, untrained
from lungcam.nets import Small3D


class Scaled(nn.Module):
    """Has a weight of its own and no way to begin anew."""

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
    net.register_buffer("told", torch.arange(4.0), persistent=False)
    net(torch.randn(4, 1, 6, 6, 6))  # the statistics are no longer those of the beginning
    return net.train()


IMAGE = torch.zeros(1, 1, 6, 6, 6)


def held(net):
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return {name: tensor.detach().numpy().tobytes() for name, tensor in tensors.items()}


def test_layers_are_randomised_from_the_head_down(net):
    before, seen = held(net), []
    for name, changed in cascade(net, IMAGE):
        after = held(changed)
        differ = {key.split(".")[0] for key in before if before[key] != after[key]}
        seen.append((name, differ))
    assert seen == [
        ("5", {"5"}),
        ("2", {"5", "2"}),
        ("1", {"5", "2", "1"}),
        ("0", {"5", "2", "1", "0"}),
    ]


@pytest.mark.parametrize("way", ["whole", "broken off", "error"])
def test_the_net_and_the_random_numbers_stay_as_they_are(net, way):
    if way == "error":
        net[5] = nn.Linear(7, 1)
    before, state, training = held(net), torch.get_rng_state(), net.training
    stages = cascade(net, IMAGE)
    if way == "whole":
        list(stages)
    elif way == "broken off":
        next(stages)
        del stages
    else:
        with pytest.raises(RuntimeError, match="mat1"):
            next(stages)
    assert held(net) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training == training
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in net.modules())
    assert all(one.grad is None for one in net.parameters())


def test_random_weights_are_not_those_that_a_seeded_training_begins_with():
    for seed in range(4):
        torch.manual_seed(seed)
        begun = nn.Sequential(nn.Conv3d(1, 3, 3))
        assert held(untrained(begun, IMAGE, seed)) != held(begun)


def test_random_weights_hang_on_the_seed_alone(net):
    first, again, other = (held(untrained(net, IMAGE, seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_a_deep_net_is_randomised_in_few_stages():
    deep = nn.Sequential(*(nn.Conv3d(1, 1, 1) for _ in range(30)))
    names = [name for name, _ in cascade(deep, IMAGE)]
    assert len(names) == STAGES
    assert names[-1] == "0"


def test_the_stages_of_the_projects_own_net():
    names = [name for name, _ in cascade(Small3D(), torch.zeros(1, 1, 8, 8, 8))]
    assert names == ["fc3", "fc2", "fc1", "conv3", "norm2", "conv2", "norm1", "conv1"]
