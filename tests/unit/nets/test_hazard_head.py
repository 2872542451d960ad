"""The hazard head gives yearly risks that never decrease, in any net of one logit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.networks.nets import DenseNet121
from torch import nn

from lungcam.explain import explain
from lungcam.grid import Grid
from lungcam.nets import NoduleNet, Small3D, add_hazards, every_year, hazard_head, one_year

YEARS = 6


def nets():
    return {
        "small3d": (Small3D(input_shape=(16, 16, 16)), (16, 16, 16)),
        "nodule": (NoduleNet(shape=(16, 16, 16), attributes=("size",)), (16, 16, 16)),
        "densenet121": (DenseNet121(3, 1, 1), (32, 32, 32)),
    }


@pytest.mark.parametrize("name", nets())
def test_risks_of_any_net_never_decrease(name):
    torch.manual_seed(0)
    net, shape = nets()[name]
    layers = [layer for layer, _ in net.named_modules()]
    net = add_hazards(net, YEARS).eval()
    assert set(layers) <= {layer for layer, _ in net.named_modules()}
    image = torch.randn(3, 1, *shape)
    with torch.no_grad():
        with every_year(net):
            logits = net(image)
        last = net(image)
        with one_year(net, 2):
            third = net(image)
    assert logits.shape == (3, YEARS)
    assert (logits.diff(dim=1) > 0).all()
    assert last.shape == (3, 1)
    assert torch.equal(last[:, 0], logits[:, -1])
    assert torch.equal(third[:, 0], logits[:, 2])


@given(st.lists(st.floats(-30, 30), min_size=YEARS, max_size=YEARS))
def test_risks_do_not_decrease_for_any_output_of_the_layer(values):
    head = hazard_head(add_hazards(nn.Sequential(nn.Linear(4, 1)), YEARS))
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias.copy_(torch.tensor(values))
    head.year = None
    logits = head(torch.zeros(1, 4)).detach().numpy()[0]
    assert (np.diff(logits) >= 0).all()
    # each year by hand: log1p(exp(z)) is added to the year before
    by_hand = values[0] + np.cumsum([0, *np.log1p(np.exp(values[1:]))])
    assert logits == pytest.approx(by_hand, abs=1e-4)


def test_initial_risks_are_the_shares_of_the_training_set():
    head = hazard_head(add_hazards(nn.Sequential(nn.Linear(4, 1)), 3))
    # 8 people: 2 in year 1, 1 in year 3; one is lost after year 1
    y_seq = np.array([[1, 1, 1]] * 2 + [[0, 0, 1]] + [[0, 0, 0]] * 5)
    y_mask = np.array([[1, 0, 0]] * 2 + [[1, 1, 1]] + [[1, 0, 0]] + [[1, 1, 1]] * 4)
    head.begin(y_seq, y_mask)
    head.year = None
    with torch.no_grad():
        head.linear.weight.zero_()
        risk = head(torch.zeros(1, 4)).sigmoid()[0]
    assert float(risk[0]) == pytest.approx(3 / 10)
    # the lost person is unknown from year 2 on, in which nobody else falls ill
    assert float(risk[1]) == pytest.approx(3 / 9, abs=1e-6)
    assert float(risk[2]) == pytest.approx(4 / 9, abs=1e-6)


def test_a_year_without_events_adds_the_least_step():
    head = hazard_head(add_hazards(nn.Sequential(nn.Linear(4, 1)), 2))
    head.begin(np.array([[1, 1], [0, 0], [0, 0]]), np.array([[1, 0], [1, 1], [1, 1]]))
    head.year = None
    with torch.no_grad():
        head.linear.weight.zero_()
        logits = head(torch.zeros(1, 4))[0]
    assert float(logits[1] - logits[0]) == pytest.approx(0.05, abs=1e-6)


def test_years_have_different_heat_maps():
    torch.manual_seed(1)
    net = add_hazards(Small3D(input_shape=(16, 16, 16)), YEARS).eval()
    image, grid = torch.randn(1, 1, 16, 16, 16), Grid((16, 16, 16), np.eye(4))
    with torch.no_grad():
        hazard_head(net).linear.weight.normal_()
    maps = []
    for year in (0, YEARS - 1):
        with one_year(net, year):
            maps.append(explain(net, image, grid=grid, layer="conv3"))
    assert not np.allclose(maps[0].values, maps[1].values)
    assert hazard_head(net).year == YEARS - 1


def test_a_net_without_a_last_linear_layer_is_refused():
    with pytest.raises(ValueError, match="comes from no linear layer"):
        add_hazards(nn.Sequential(nn.Conv3d(1, 1, 3)), YEARS)
