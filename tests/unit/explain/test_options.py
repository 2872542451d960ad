"""The rule by which `explain.layer=auto` chooses."""

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from lungcam.config.instantiate import instantiate
from lungcam.errors import InputError
from lungcam.explain.options import choose_layer
from lungcam.nets.monai_nets import named_net
from lungcam.runtime.versions import CONFIG_FOLDER

LUNGS, NODULE = ((64, 48, 64), 5), ((32, 32, 32), 1)


@pytest.mark.parametrize("view", [LUNGS, NODULE], ids=["lungs", "nodule"])
@pytest.mark.parametrize("name", ["resnet10", "densenet121"])
def test_it_takes_the_layer_that_the_models_own_file_names(name, view):
    shape, spacing_mm = view
    own = OmegaConf.load(CONFIG_FOLDER / "model" / f"{name}.yaml")
    net = instantiate(named_net({"name": name}, shape=shape), "model")
    assert choose_layer(net, shape=shape, spacing_mm=spacing_mm) == own.explain.layer


def strided(count: int) -> nn.Sequential:
    """Return a net of stages, each with cells twice as large as those before."""
    stages = [
        nn.Sequential(nn.Conv3d(1, 1, 3, stride=2, padding=1), nn.ReLU()) for _ in range(count)
    ]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool3d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("spacing_mm", "layer"),
    # cells of 20 mm are allowed and larger ones are not; 32 voxels give 8 cells after two stages
    [(5, "1"), (5.1, "0"), (10, "0"), (1, "1")],
)
def test_cells_are_neither_too_large_nor_too_few(spacing_mm, layer):
    assert choose_layer(strided(4), shape=(32, 32, 32), spacing_mm=spacing_mm) == layer


def test_a_net_without_a_fine_layer_is_refused():
    with pytest.raises(InputError, match=r"^explain\.layer=auto: no layer has cells of 20 mm or"):
        choose_layer(strided(4), shape=(32, 32, 32), spacing_mm=11)


class Shuffled(nn.Module):
    """Net with a second convolution that sees voxels in an unknown order."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv3d(1, 1, 1), nn.Conv3d(1, 1, 1)

    def forward(self, image):
        first = self.first(image)
        shuffled = first.flatten(2)[..., torch.randperm(first[0, 0].numel())].view_as(first)
        return self.second(shuffled).mean((2, 3, 4))


def test_a_layer_of_unknown_place_is_passed_over():
    assert choose_layer(Shuffled(), shape=(8, 8, 8), spacing_mm=1) == "first"
