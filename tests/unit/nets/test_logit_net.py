"""LogitNet and YearlyLogitNet: shapes, memory format, and the outputs of the net inside."""

import copy

import pytest
import torch
from torch import nn

from lungcam.nets import LogitNet, NoduleNet, Small3D, YearlyLogitNet, add_hazards, one_year

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
