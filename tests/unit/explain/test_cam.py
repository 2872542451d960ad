"""Grad-CAM and its kin, against MONAI's, hand-worked nets, finite differences and exact sums."""

import monai
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.networks.nets import DenseNet121, resnet10
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lungcam.explain import EVIDENCE, METHODS, explain, features, grad_cam
from lungcam.explain.cam import GRADIENT_METHODS, choose_evidence, method_name
from lungcam.grid import Grid
from lungcam.nets import NoduleNet, Small3D


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
def test_grad_cam_agrees_with_monai_for_each_sample_of_a_batch(make, layer):
    net, shape = make()
    net.eval()
    image = torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(0))
    ours = grad_cam(net, image, layer=layer)
    theirs = monai.visualize.GradCAM(nn_module=net, target_layers=layer)
    for k in range(2):
        # MONAI's hooks warn where nothing before the layer needs a gradient
        sample = image[k : k + 1].clone().requires_grad_()
        expected = torch.relu(theirs.compute_map(sample, class_idx=0))[0, 0]
        assert expected.max() > 0
        assert ours[k].shape == expected.shape
        assert (ours[k] - expected).abs().max() / expected.max() < 1e-5


def test_grad_cam_by_hand():
    """A single cell matters: its weight is the gradient's mean over all cells."""

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
    assert torch.equal(grad_cam(Net(), image, layer="layer")[0], expected)


def test_map_is_not_negative_and_carries_no_graph():
    net, shape = small3d()
    heat = grad_cam(net, torch.randn(2, 1, *shape), layer="conv3")
    assert heat.shape == (2, 8, 6, 10)
    assert heat.min() >= 0
    assert not heat.requires_grad


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_grad_cam_is_the_same_where_gradients_are_off(guard):
    net, shape = small3d()
    image = torch.randn(1, 1, *shape)
    expected = grad_cam(net, image, layer="conv3")
    with guard():
        assert torch.equal(grad_cam(net, image, layer="conv3"), expected)
        assert torch.equal(grad_cam(net, image.clone(), layer="conv3"), expected)
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("training", [True, False])
def test_net_is_left_as_it_was(training):
    net, shape = small3d()
    net.train(training)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    grad_cam(net, torch.randn(2, 1, *shape), layer="conv2")
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
    grad_cam(net, image, layer="conv3")
    assert torch.equal(image, before)
    assert image.grad is None
    assert not image.requires_grad


def test_dropout_is_off():
    net, shape = small3d()
    net.train()
    image = torch.randn(1, 1, *shape)
    assert torch.equal(grad_cam(net, image, layer="conv3"), grad_cam(net, image, layer="conv3"))


def test_a_layer_may_be_changed_in_place_afterwards():
    net = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveMaxPool3d(1))
    net = nn.Sequential(*net, nn.Flatten(), nn.Linear(4, 1))
    image = torch.randn(2, 1, 8, 8, 8)
    plain = nn.Sequential(net[0], nn.ReLU(), *list(net)[2:])
    assert torch.equal(grad_cam(net, image, layer="0"), grad_cam(plain, image, layer="0"))


def test_frozen_net_is_explained_too():
    net, shape = small3d()
    image = torch.randn(1, 1, *shape)
    expected = grad_cam(net, image, layer="conv3")
    assert torch.equal(grad_cam(net.requires_grad_(False), image, layer="conv3"), expected)


def test_unknown_layer_is_refused_with_a_list_of_the_known():
    net, shape = small3d()
    with pytest.raises(ValueError, match=r"no layer 'conv9'.*conv1.*conv2.*conv3"):
        grad_cam(net, torch.zeros(1, 1, *shape), layer="conv9")


@pytest.mark.parametrize("layer", ["fc1", ""])
def test_layer_without_a_feature_map_is_refused(layer):
    net, shape = small3d()
    with pytest.raises(ValueError, match="feature map"):
        grad_cam(net, torch.zeros(1, 1, *shape), layer=layer)
    assert all(not module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("training", [True, False])
def test_after_an_error_in_the_net_no_hook_is_left(training):
    net, _ = small3d("flatten")
    net.train(training)
    with pytest.raises(RuntimeError):
        grad_cam(net, torch.zeros(1, 1, 6, 6, 6), layer="conv3")
    assert all(not module._forward_hooks for module in net.modules())
    assert net.training == training
    assert torch.is_grad_enabled()


def small3d_layer(pool="max"):
    torch.manual_seed(1)
    return Small3D(pool=pool, input_shape=(16, 12, 20)).eval(), (16, 12, 20), "conv3"


def resnet_layer():
    torch.manual_seed(1)
    net = resnet10(spatial_dims=3, n_input_channels=1, num_classes=1).eval()
    return net, (16, 16, 24), "layer2"


def densenet_layer():
    torch.manual_seed(1)
    net = DenseNet121(3, 1, 1, init_features=8, growth_rate=4, block_config=(2, 2)).eval()
    return net, (24, 24, 24), "features.denseblock1"


def nodule_layer():
    torch.manual_seed(1)
    net = NoduleNet(shape=(16, 16, 16), width=4, hidden=8).eval()
    nn.init.normal_(net.classifier.weight)
    return net, (16, 16, 16), "joined"


NETS = {
    "small3d": small3d_layer,
    "resnet10": resnet_layer,
    "densenet121": densenet_layer,
    "nodule": nodule_layer,
}


def image_of(shape, batch=1):
    return torch.randn(batch, 1, *shape, generator=torch.Generator().manual_seed(0))


def small_part(image):
    """Keep a small part of an image before the background, so that few blocks are covered."""
    cropped = torch.full_like(image, -1.0)
    cropped[..., 3:6, 4:6, 5:8] = image[..., 3:6, 4:6, 5:8]
    return cropped


def signed(net, image, layer, method):
    return choose_evidence(GRADIENT_METHODS[method](features(net, image, layer=layer)), "both")


def test_grad_cam_pp_agrees_with_monais():
    """Except for the factor exp(logit), which differs from scan to scan.

    A channel's gradient is the same in all cells here: elsewhere MONAI sums A_c g_c^3 in place of
    the paper's sum(A_c) g_c^3.
    """
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv3d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    net = nn.Sequential(*net, nn.Linear(6, 1)).eval()
    nn.init.normal_(net[4].weight, std=30)
    image = image_of((8, 7, 9))
    positive, _ = GRADIENT_METHODS["gradcampp"](features(net, image, layer="1"))
    theirs = monai.visualize.GradCAMpp(nn_module=net, target_layers="1")
    expected = theirs.compute_map(image.clone().requires_grad_(), class_idx=0)[0, 0]
    expected = (expected / net(image).exp()).detach()
    assert positive.max() > 0
    # MONAI adds 1e-7 below the fraction
    assert (positive[0] - expected).abs().max() < 1e-4 * expected.max()


class Linear(nn.Module):
    """Linear function of a feature map of two channels and two cells."""

    def __init__(self, weights):
        super().__init__()
        self.layer = nn.Identity()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))

    def forward(self, image):
        return (self.layer(image).flatten(2) * self.weights).sum((1, 2)) + 3


# two channels, two cells
A, G = [[2.0, -1.0], [4.0, 3.0]], [[1.0, 3.0], [-2.0, 0.5]]


@pytest.mark.parametrize(
    ("method", "for_", "against"),
    [
        # mean gradients 2 and -0.75: 4 - 3, -2 - 2.25
        ("gradcam", [1, 0], [0, 4.25]),
        # 2 - 8, -3 + 1.5
        ("hirescam", [0, 0], [6, 1.5]),
        # for: 2, -3 + 1.5; against: 2 * 4, 0
        ("layercam", [2, 0], [8, 0]),
    ],
)
def test_methods_by_hand(method, for_, against):
    image = torch.tensor(A, dtype=torch.float64).reshape(1, 2, 2, 1, 1)
    net, grid = Linear(G), Grid((2, 1, 1), np.eye(4))
    for evidence, expected in (
        ("for", for_),
        ("against", against),
        ("both", np.subtract(for_, against)),
    ):
        heat = explain(net, image, grid=grid, layer="layer", method=method, evidence=evidence)
        assert heat.values.ravel() == pytest.approx(expected)


def test_grad_cam_pp_by_hand():
    image = torch.tensor(A, dtype=torch.float64).reshape(1, 2, 2, 1, 1)
    first, second = 1, 7  # sums of A over the cells
    weight = [
        1 / (2 + first * 1) * 1 + 9 / (18 + first * 27) * 3,
        0.25 / (0.5 + second * 0.125) * 0.5,
    ]
    expected = np.maximum(np.array(weight) @ A, 0)
    heat = explain(
        Linear(G),
        image,
        grid=Grid((2, 1, 1), np.eye(4)),
        layer="layer",
        method="gradcampp",
        evidence="for",
    )
    assert heat.values.ravel() == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_hires_cam_adds_up_to_the_logit_if_the_net_is_linear_behind_the_layer(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv3d(1, 3, 3), nn.ReLU(), nn.Conv3d(3, 2, 2), nn.AvgPool3d(2))
    net = nn.Sequential(*net, nn.Flatten(), nn.Linear(16, 1)).double()
    image = torch.randn(2, 1, 7, 7, 7, dtype=torch.float64)
    constant = (
        net[-1].bias
        + net[-1](net[4](net[3](net[2](torch.zeros(1, 3, 5, 5, 5).double()))))
        - net[-1].bias
    )
    expected = (net(image) - constant).flatten()
    assert signed(net, image, "1", "hirescam").sum((1, 2, 3)) == pytest.approx(expected.detach())


@pytest.mark.parametrize("make", [small3d_layer, resnet_layer, densenet_layer])
def test_gradient_agrees_with_finite_differences(make):
    net, shape, layer = make()
    net, image = net.double(), image_of(shape).double()
    result = features(net, image, layer=layer)
    generator = torch.Generator().manual_seed(3)
    direction = torch.randn(result.values.shape, generator=generator).double()

    def moved(size):
        handle = net.get_submodule(layer).register_forward_hook(
            lambda *call: call[-1] + size * direction
        )
        try:
            with torch.no_grad():
                return net(image).item()
        finally:
            handle.remove()

    step = 1e-6
    slope = (moved(step) - moved(-step)) / (2 * step)
    assert (result.gradient * direction).sum().item() == pytest.approx(slope, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_every_method_on_every_net(make, method):
    net, shape, layer = make()
    image, grid = small_part(image_of(shape)), Grid(shape, np.diag([2.0, 2, 2, 1]))
    maps = {
        evidence: explain(
            net, image, grid=grid, layer=layer, method=method, evidence=evidence
        ).values
        for evidence in EVIDENCE
    }
    assert all(heat.dtype == np.float32 and np.isfinite(heat).all() for heat in maps.values())
    assert maps["for"].min() >= 0
    assert maps["against"].min() >= 0
    assert np.abs(maps["both"]).max() > 0
    assert np.allclose(maps["both"], maps["for"] - maps["against"])
    assert all(not module._forward_hooks for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_minus_the_logit_swaps_the_sides(method):
    net, shape, layer = small3d_layer()
    image, grid = small_part(image_of(shape)), Grid(shape, np.eye(4))
    before = [
        explain(net, image, grid=grid, layer=layer, method=method, evidence=evidence).values
        for evidence in EVIDENCE
    ]
    with torch.no_grad():
        net.fc3.weight *= -1
        net.fc3.bias *= -1
    after = [
        explain(net, image, grid=grid, layer=layer, method=method, evidence=evidence).values
        for evidence in EVIDENCE
    ]
    for heat, expected in zip(after, (-before[0], before[2], before[1]), strict=True):
        assert heat == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_every_method_is_the_same_where_gradients_are_off(method, guard):
    net, shape, layer = small3d_layer()
    image, grid = small_part(image_of(shape)), Grid(shape, np.eye(4))
    expected = explain(net, image, grid=grid, layer=layer, method=method).values
    with guard():
        heat = explain(net.train(), image.clone(), grid=grid, layer=layer, method=method)
    assert np.array_equal(heat.values, expected)
    assert net.training


class Explaining(pl.LightningModule):
    """Explains each image of Lightning's test and predict loops."""

    def __init__(self, net, layer):
        super().__init__()
        self.net, self.layer, self.maps = net, layer, []

    def forward(self, image):
        return self.net(image)

    def test_step(self, batch, batch_idx):
        (image,) = batch
        assert torch.is_inference_mode_enabled()
        grid = Grid(tuple(image.shape[2:]), np.eye(4))
        self.maps += [
            explain(self, image, grid=grid, layer=f"net.{self.layer}", method=method).values
            for method in METHODS
        ]

    def predict_step(self, batch, batch_idx):
        self.test_step(batch, batch_idx)
        return self(batch[0])


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec.*")
@pytest.mark.parametrize("loop", ["test", "predict"])
def test_works_in_the_loops_of_lightning(loop):
    net, shape, layer = small3d_layer()
    image = small_part(image_of(shape))
    grid = Grid(shape, np.eye(4))
    expected = [
        explain(net, image, grid=grid, layer=layer, method=method).values for method in METHODS
    ]
    module = Explaining(net, layer)
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = DataLoader(TensorDataset(image), batch_size=1)
    getattr(trainer, loop)(module, data)
    assert all(np.array_equal(a, b) for a, b in zip(module.maps, expected, strict=True))
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(not part._forward_hooks for part in module.modules())


def test_grad_cam_is_the_positive_part():
    net, shape, layer = small3d_layer()
    image = image_of(shape, 2)
    assert torch.equal(
        grad_cam(net, image, layer=layer), signed(net, image, layer, "gradcam").relu()
    )


@pytest.mark.parametrize(
    ("method", "evidence", "words"),
    [("gradcan", "both", "gradcam, gradcampp"), ("gradcam", "all", "both, for, against")],
)
def test_unknown_method_or_evidence_is_refused_with_a_list_of_the_known(method, evidence, words):
    net, shape, layer = small3d_layer()
    with pytest.raises(ValueError, match=words):
        explain(
            net,
            image_of(shape),
            grid=Grid(shape, np.eye(4)),
            layer=layer,
            method=method,
            evidence=evidence,
        )


def test_layer_that_the_answer_does_not_depend_on_is_refused():
    net, shape, _ = small3d_layer()
    net.aside = nn.Conv3d(1, 1, 1)
    forward = net.forward
    net.forward = lambda image: (net.aside(image), forward(image))[1]
    with pytest.raises(ValueError, match="does not depend on layer 'aside'"):
        features(net, image_of(shape), layer="aside")


def test_names_of_methods():
    assert [method_name(method, "both") for method in METHODS] == [
        "Grad-CAM",
        "Grad-CAM++",
        "HiResCAM",
        "LayerCAM",
        "Occlusion",
    ]
    assert method_name("gradcam", "against") == "Grad-CAM, against"
