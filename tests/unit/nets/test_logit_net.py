"""LogitNet and YearlyLogitNet: shapes, memory format, and the outputs of the net inside."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.explain import explain
from lungcam.grid import Grid
from lungcam.nets import (
    ClassNet,
    LogitNet,
    NoduleNet,
    NumberNet,
    Small3D,
    YearlyLogitNet,
    add_classes,
    add_hazards,
    class_head,
    one_year,
)

SHAPE = (8, 6, 10)


def make_net() -> Small3D:
    torch.manual_seed(0)
    return Small3D(channels=(2, 3, 4), hidden=(6, 5), dropout=0.0)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("flat", [True, False])
def test_each_image_has_one_logit(batch, flat):
    inner = nn.Sequential(nn.Flatten(), nn.Linear(480, 1))
    if flat:
        inner.append(nn.Flatten(0))
    net = LogitNet(inner).eval()
    image = torch.randn(batch, 1, *SHAPE)
    assert net(image).shape == (batch,)
    assert torch.equal(net.logits(image), net(image))


def test_channels_last_is_used_and_changes_no_logit():
    plain, image = make_net().eval(), torch.randn(3, 1, *SHAPE)
    expected = copy.deepcopy(plain)(image).reshape(3)
    net = LogitNet(plain).eval()
    weight = net.net.conv2.weight
    assert weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert not weight.is_contiguous()
    outputs = []
    net.net.conv2.register_forward_hook(lambda *arguments: outputs.append(arguments[-1]))
    assert torch.allclose(net(image), expected, atol=1e-6)
    assert outputs[0].is_contiguous(memory_format=torch.channels_last_3d)


def test_all_outputs_of_a_net_are_read():
    torch.manual_seed(0)
    inner = NoduleNet(shape=(16, 8, 8), attributes=("a", "b"), width=4, hidden=6)
    net, image = LogitNet(inner).eval(), torch.randn(3, 1, 16, 8, 8)
    with torch.no_grad():
        output, expected = net.read(image), inner.read(image)
        assert torch.equal(output.logit, net(image))
    assert torch.allclose(output.logit, expected.logit[:, 0], atol=1e-6)
    assert torch.allclose(output.outline, expected.outline, atol=1e-6)
    assert output.attributes.shape == (3, 2)


def test_yearly_logits_are_those_of_each_year_alone():
    net = YearlyLogitNet(add_hazards(make_net(), 6)).eval()
    image = torch.randn(3, 1, *SHAPE)
    with torch.no_grad():
        logits = net.logits(image)
        assert logits.shape == (3, 6)
        assert torch.equal(net(image), logits[:, -1])
        for year in range(6):
            with one_year(net, year):
                assert torch.equal(net(image), logits[:, year])


def class_net(count: int) -> ClassNet:
    torch.manual_seed(1)
    net = ClassNet(add_classes(make_net(), count)).eval()
    with torch.no_grad():
        class_head(net.net).weight.normal_()
    return net


def test_the_output_is_the_log_odds_of_a_class_against_all_others():
    net, image = class_net(3), torch.randn(4, 1, *SHAPE)
    with torch.no_grad():
        logits = net.logits(image)
        shares = logits.softmax(1)
        for number in range(3):
            with net.choose(number):
                assert torch.allclose(net(image), shares[:, number].logit(), atol=1e-5)
        called = shares.max(1).values
        assert torch.allclose(net(image), called.logit(), atol=1e-5)
    assert net.chosen is None


def test_of_two_classes_the_log_odds_are_the_difference_of_the_logits():
    net, image = class_net(2), torch.randn(4, 1, *SHAPE)
    with torch.no_grad(), net.choose(1):
        logits = net.logits(image)
        assert torch.allclose(net(image), logits[:, 1] - logits[:, 0], atol=1e-6)


def test_an_equal_number_on_all_logits_changes_no_map():
    net, image = class_net(3), torch.randn(1, 1, *SHAPE)
    grid = Grid(SHAPE, np.eye(4))
    before = explain(net, image, grid=grid, layer="net.conv3").values
    with torch.no_grad():
        class_head(net.net).bias += 5
    after = explain(net, image, grid=grid, layer="net.conv3").values
    assert np.abs(before).max() > 0
    assert np.allclose(before, after, atol=1e-5)


def test_occlusion_explains_the_class_of_the_whole_image():
    """Covered images may be called differently; the map is of one class all the same."""
    net, image = class_net(3), torch.randn(1, 1, *SHAPE)
    grid = Grid(SHAPE, np.eye(4))
    settings = {"grid": grid, "layer": "", "method": "occlusion", "background": 0.0}
    with torch.no_grad():
        called = int(net.logits(image)[0].argmax())
    own = explain(net, image, **settings).values
    with net.choose(called):
        assert np.array_equal(own, explain(net, image, **settings).values)
    with net.choose((called + 1) % 3):
        assert not np.allclose(own, explain(net, image, **settings).values)
    assert net.chosen is None


def test_a_number_is_scaled_by_what_is_stored_with_the_weights():
    net, image = NumberNet(make_net()).eval(), torch.randn(3, 1, *SHAPE)
    with torch.no_grad():
        plain = net(image)
        net.mean.fill_(8.0)
        net.spread.fill_(2.5)
        assert torch.allclose(net(image), 8 + 2.5 * plain)
        assert torch.allclose(net.standardise(net(image)), plain, atol=1e-6)
    other = NumberNet(make_net()).eval()
    other.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(other(image), net(image))


@pytest.mark.parametrize("kind", [ClassNet, NumberNet])
def test_all_outputs_of_a_nodules_net_are_read(kind):
    torch.manual_seed(0)
    inner = NoduleNet(shape=(16, 8, 8), attributes=("a",), width=4, hidden=6)
    net = kind(add_classes(inner, 3) if kind is ClassNet else inner).eval()
    image = torch.randn(2, 1, 16, 8, 8)
    with torch.no_grad():
        assert torch.equal(net.read(image).logit, net.logits(image))
