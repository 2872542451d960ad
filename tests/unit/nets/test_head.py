"""The layer that gives a logit is found in any net and widened to classes."""

import pytest
import torch
from monai.networks.nets import DenseNet121
from torch import nn

from lungcam.nets import LungNet, NoduleNet, Small3D, add_classes, class_head
from lungcam.nets.head import logit_layer


def nets():
    return {
        "small3d": (Small3D(input_shape=(16, 16, 16)), (16, 16, 16)),
        "nodule": (NoduleNet(shape=(16, 16, 16), attributes=("size",)), (16, 16, 16)),
        "lungs": (LungNet(shape=(16, 16, 16)), (16, 16, 16)),
        "densenet121": (DenseNet121(3, 1, 1), (32, 32, 32)),
    }


@pytest.mark.parametrize("name", nets())
def test_any_net_gives_a_logit_for_each_class(name):
    torch.manual_seed(0)
    net, shape = nets()[name]
    weights = set(net.state_dict())
    net = add_classes(net, 4).eval()
    assert set(net.state_dict()) == weights
    with torch.no_grad():
        logits = net(torch.randn(2, 1, *shape))
    assert logits.shape == (2, 4)
    assert class_head(net).out_features == 4


def test_a_net_without_a_linear_layer_is_refused():
    with pytest.raises(ValueError, match="no linear layer"):
        logit_layer(nn.Sequential(nn.Flatten(), nn.Linear(8, 2)))
