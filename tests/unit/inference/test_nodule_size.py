"""Diameter of an outlined nodule, against balls of a known size."""

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.grid import Grid
from lungcam.inference.nodule_size import outlined_diameters
from lungcam.nets import LogitNet, NetOutput

SIDE, SPACING_MM = 32, 1.0


class Outlining(nn.Module):
    """Net that outlines what is bright."""

    attributes = ()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean((1, 2, 3, 4))[:, None]

    def read(self, image: torch.Tensor) -> NetOutput:
        return NetOutput(self(image), image * 10, image.flatten(1)[:, :0])


class Ensemble:
    """The part of an ensemble that is measured."""

    def __init__(self, *nets: nn.Module):
        self.nets = [type("Net", (), {"classifier": LogitNet(net)})() for net in nets]


def image(*shapes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.where(np.any(shapes, axis=0), 1.0, -1.0).astype(np.float32))[
        None, None
    ]


def ball(middle, radius: float) -> np.ndarray:
    index = np.moveaxis(np.indices((SIDE,) * 3), 0, -1)
    return np.linalg.norm(index - np.array(middle), axis=-1) <= radius


def outlined_diameter(ensemble: Ensemble, shown: torch.Tensor) -> float | None:
    (diameter_mm,) = outlined_diameters(ensemble, shown, [Grid((SIDE,) * 3, np.eye(4))])
    return diameter_mm


@pytest.mark.parametrize("radius", [3, 6, 11])
def test_the_diameter_is_that_of_the_ball_in_the_middle(radius):
    other = ball((4, 4, 4), 2)
    shown = image(ball((16, 15, 16), radius), other)
    diameter_mm = outlined_diameter(Ensemble(Outlining()), shown)
    assert diameter_mm == pytest.approx(2 * radius, abs=0.7)


def test_a_nodule_at_a_wall_is_as_wide_as_its_largest_ball():
    wall = np.zeros((SIDE,) * 3, bool)
    wall[24:] = True
    shown = image(ball((16, 16, 16), 9), wall)
    diameter_mm = outlined_diameter(Ensemble(Outlining()), shown)
    assert diameter_mm == pytest.approx(18, abs=2)


def test_nothing_is_measured_of_what_fills_the_cube_or_lies_aside():
    net = Ensemble(Outlining())
    assert outlined_diameter(net, image(np.ones((SIDE,) * 3, bool))) is None
    assert outlined_diameter(net, image(ball((4, 4, 4), 3))) is None
    assert outlined_diameter(net, image(np.zeros((SIDE,) * 3, bool))) is None
    plain = nn.Sequential(nn.Flatten(), nn.Linear(SIDE**3, 1))
    assert outlined_diameter(Ensemble(plain), image(ball((16, 16, 16), 5))) is None
