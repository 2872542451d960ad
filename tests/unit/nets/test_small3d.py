"""The small net's layers, pools and gradients."""

import pytest
import torch
from torch import nn

from lungcam.nets import Small3D

SHAPE = (8, 6, 10)


def count(net: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in net.modules())


@pytest.mark.parametrize("pool", ["max", "avg", "flatten"])
def test_layers_and_output(pool):
    # with other weights all of so few units may be dead
    torch.manual_seed(0)
    net = Small3D(channels=(2, 3, 4), hidden=(6, 5), pool=pool, input_shape=SHAPE).eval()
    assert (count(net, nn.Conv3d), count(net, nn.Linear)) == (3, 3)
    layers = dict(net.named_modules())
    assert {"conv1", "conv2", "conv3", "fc1", "fc2", "fc3"} <= set(layers)
    logits = net(torch.randn(2, 1, *SHAPE))
    assert logits.shape == (2, 1)
    assert logits[0] != logits[1]


@pytest.mark.parametrize("pool", ["max", "avg"])
def test_a_pooled_net_takes_any_shape(pool):
    net = Small3D(channels=(2, 3, 4), hidden=(6, 5), pool=pool, input_shape=SHAPE).eval()
    assert net(torch.randn(1, 1, 12, 14, 6)).shape == (1, 1)


@pytest.mark.parametrize("shape", [SHAPE, (9, 7, 11)])
def test_flatten_depends_on_the_input_shape(shape):
    net = Small3D(channels=(2, 3, 4), hidden=(6, 5), pool="flatten", input_shape=shape).eval()
    # 4 channels of 4 x 3 x 5 cells after one halving
    assert net.fc1.in_features == 4 * 4 * 3 * 5
    assert net(torch.randn(1, 1, *shape)).shape == (1, 1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        net(torch.randn(1, 1, 16, 6, 10))


def test_an_unknown_pool_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"pool=median: choose max, avg or flatten\."):
        Small3D(pool="median")


def test_a_maximum_gives_the_same_logit_wherever_the_lesion_is():
    torch.manual_seed(0)
    net = Small3D(channels=(2, 3, 4), hidden=(6, 5)).eval()
    here, there = torch.zeros(2, 1, 24, 24, 24)
    here[0, 6:8, 6:8, 6:8] = 5
    there[0, 14:16, 10:12, 16:18] = 5
    assert torch.allclose(net(here[None]), net(there[None]), atol=1e-6)
    assert not torch.allclose(net(here[None]), net(torch.zeros(1, 1, 24, 24, 24)), atol=1e-6)


@pytest.mark.parametrize("pool", ["max", "avg", "flatten"])
def test_every_weight_has_a_gradient(pool):
    torch.manual_seed(0)
    net = Small3D(channels=(2, 3, 4), hidden=(6, 5), dropout=0, pool=pool, input_shape=SHAPE)
    net(torch.randn(4, 1, *SHAPE)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []
