"""Grad-CAM against MONAI's, and what it leaves behind."""

import monai
import pytest
import torch
from monai.networks.nets import DenseNet121, resnet10
from torch import nn

from lungcam.explain import grad_cam
from lungcam.nets import Small3D


def small3d(pool="max"):
    torch.manual_seed(1)
    return Small3D(pool=pool, input_shape=(16, 12, 20)), (16, 12, 20)


def resnet():
    torch.manual_seed(1)
    return resnet10(spatial_dims=3, n_input_channels=1, num_classes=1), (16, 16, 24)


def densenet():
    torch.manual_seed(1)
    net = DenseNet121(3, 1, 1, init_features=8, growth_rate=4, block_config=(2, 2))
    return net, (24, 24, 24)


CASES = {
    "small3d conv3": (small3d, "conv3"),
    "small3d conv1": (small3d, "conv1"),
    "small3d avg": (lambda: small3d("avg"), "conv2"),
    "small3d flatten": (lambda: small3d("flatten"), "conv3"),
    "resnet10 layer4": (resnet, "layer4"),
    "resnet10 layer1": (resnet, "layer1"),
    "densenet121": (densenet, "features.denseblock2"),
}


@pytest.mark.parametrize(("make", "layer"), CASES.values(), ids=CASES)
def test_agrees_with_monai_for_each_of_a_batch(make, layer):
    net, shape = make()
    net.eval()
    image = torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(0))
    ours = grad_cam(net, image, layer)
    theirs = monai.visualize.GradCAM(nn_module=net, target_layers=layer)
    for k in range(2):
        # MONAI's hooks warn where nothing before the layer needs a gradient
        one = image[k : k + 1].clone().requires_grad_()
        expected = torch.relu(theirs.compute_map(one, class_idx=0))[0, 0]
        assert expected.max() > 0
        assert ours[k].shape == expected.shape
        assert (ours[k] - expected).abs().max() / expected.max() < 1e-5


def test_by_hand():
    """One cell matters: its weight is the gradient's mean over all cells."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, image):
            features = self.layer(image)
            return 6 * features[:, 0, 0, 0, 0] - 3 * features[:, 1, 1, 1, 1]

    image = torch.zeros(1, 2, 2, 2, 2)
    image[0, 0, 0, 1, 0] = 4
    image[0, 1, 1, 0, 0] = 8
    image[0, 1, 1, 1, 0] = -8
    expected = torch.zeros(2, 2, 2)
    expected[0, 1, 0] = 4 * 6 / 8
    expected[1, 1, 0] = -8 * -3 / 8
    assert torch.equal(grad_cam(Net(), image, "layer")[0], expected)


def test_map_is_not_negative_and_carries_no_graph():
    net, shape = small3d()
    heat = grad_cam(net, torch.randn(2, 1, *shape), "conv3")
    assert heat.shape == (2, 8, 6, 10)
    assert heat.min() >= 0
    assert not heat.requires_grad


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_gives_the_same_where_gradients_are_off(guard):
    net, shape = small3d()
    image = torch.randn(1, 1, *shape)
    expected = grad_cam(net, image, "conv3")
    with guard():
        assert torch.equal(grad_cam(net, image, "conv3"), expected)
        assert torch.equal(grad_cam(net, image.clone(), "conv3"), expected)
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("training", [True, False])
def test_net_is_left_as_it_was(training):
    net, shape = small3d()
    net.train(training)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    grad_cam(net, torch.randn(2, 1, *shape), "conv2")
    assert net.training == training
    assert all(module.training == training for module in net.modules())
    assert all(not module._forward_hooks for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(parameter.requires_grad for parameter in net.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.is_grad_enabled()


def test_image_is_left_as_it_was():
    net, shape = small3d()
    image = torch.randn(1, 1, *shape)
    before = image.clone()
    grad_cam(net, image, "conv3")
    assert torch.equal(image, before)
    assert image.grad is None
    assert not image.requires_grad


def test_dropout_is_off():
    net, shape = small3d()
    net.train()
    image = torch.randn(1, 1, *shape)
    assert torch.equal(grad_cam(net, image, "conv3"), grad_cam(net, image, "conv3"))


def test_layer_that_is_worked_on_in_place():
    net = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveMaxPool3d(1))
    net = nn.Sequential(*net, nn.Flatten(), nn.Linear(4, 1))
    image = torch.randn(2, 1, 8, 8, 8)
    plain = nn.Sequential(net[0], nn.ReLU(), *list(net)[2:])
    assert torch.equal(grad_cam(net, image, "0"), grad_cam(plain, image, "0"))


def test_frozen_net_is_explained_too():
    net, shape = small3d()
    image = torch.randn(1, 1, *shape)
    expected = grad_cam(net, image, "conv3")
    assert torch.equal(grad_cam(net.requires_grad_(False), image, "conv3"), expected)


def test_unknown_layer_is_refused_with_those_there_are():
    net, shape = small3d()
    with pytest.raises(ValueError, match=r"no layer 'conv9'.*conv1.*conv2.*conv3"):
        grad_cam(net, torch.zeros(1, 1, *shape), "conv9")


@pytest.mark.parametrize("layer", ["fc1", ""])
def test_layer_without_a_feature_map_is_refused(layer):
    net, shape = small3d()
    with pytest.raises(ValueError, match="feature map"):
        grad_cam(net, torch.zeros(1, 1, *shape), layer)
    assert all(not module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("training", [True, False])
def test_after_an_error_in_the_net_nothing_is_left(training):
    net, _ = small3d("flatten")
    net.train(training)
    with pytest.raises(RuntimeError):
        grad_cam(net, torch.zeros(1, 1, 6, 6, 6), "conv3")
    assert all(not module._forward_hooks for module in net.modules())
    assert net.training == training
    assert torch.is_grad_enabled()
