"""Places of cells, against receptive fields that are measured by gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.networks.nets import DenseNet121, ResNet
from torch import nn
from torch.nn import functional

from lungcam.explain import cell_grid
from lungcam.grid import Grid
from lungcam.nets import Small3D

IDENTITY = np.eye(4)


def positive(net: nn.Module) -> nn.Module:
    """Make every weight a positive constant, so that no response cancels and none is cut."""
    for module in net.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net.double().eval()


def features(net: nn.Module, layer: str, image: torch.Tensor) -> torch.Tensor:
    outputs = []
    handle = net.get_submodule(layer).register_forward_hook(lambda *call: outputs.append(call[-1]))
    net(image)
    handle.remove()
    return outputs[0]


def field(net: nn.Module, layer: str, shape, cell) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest input voxel that a cell of a positive net responds to.

    A maximum passes its gradient to one voxel only: each pooling is measured as an average with
    the same window.
    """
    image = torch.ones(1, 1, *shape, dtype=torch.float64, requires_grad=True)
    output = features(net, layer, image)[(0, slice(None), *cell)].sum()
    (gradient,) = torch.autograd.grad(output, image)
    voxels = np.argwhere(gradient[0, 0].numpy() > 0)
    return voxels.min(axis=0), voxels.max(axis=0)


class WindowMean(nn.Module):
    """Average over the window of a maximum pooling, including its dilation."""

    def __init__(self, pool: nn.MaxPool3d):
        super().__init__()
        self.pool = pool

    def forward(self, x):
        kernel, stride, padding, dilation = (
            (value,) * 3 if isinstance(value, int) else tuple(value)
            for value in (
                self.pool.kernel_size,
                self.pool.stride,
                self.pool.padding,
                self.pool.dilation,
            )
        )
        weight = torch.ones(x.shape[1], 1, *kernel, dtype=x.dtype)
        return functional.conv3d(
            x, weight, None, stride, padding, dilation, groups=x.shape[1]
        ) / np.prod(kernel)


def with_means(net: nn.Module) -> nn.Module:
    """Replace maximum poolings in place."""
    for name, child in net.named_children():
        if isinstance(child, nn.MaxPool3d):
            setattr(net, name, WindowMean(child))
        else:
            with_means(child)
    return net


def assert_cells_lie_at_their_fields(net, layer, shape):
    cells = cell_grid(net, layer, image=torch.zeros(1, 1, *shape), grid=Grid(shape, IDENTITY))
    measured = positive(with_means(net))
    output = features(measured, layer, torch.ones(1, 1, *shape, dtype=torch.float64))
    assert cells.shape == tuple(output.shape[2:])
    middle = np.array(cells.shape) // 2
    for cell in (middle, np.maximum(middle - (0, 1, 2), 0)):
        low, high = field(measured, layer, shape, tuple(cell))
        # a field that extends over a face is cut there, and with gaps may end short of it
        complete = (low >= 8) & (high < np.array(shape) - 8)
        if cell is middle:
            assert complete.any()
        center = (low + high) / 2
        assert cells.to_world(cell)[complete] == pytest.approx(center[complete], abs=1e-6)


def test_small3d_cells_lie_at_their_fields():
    net = Small3D()
    for layer in ("pool1", "conv3"):
        assert_cells_lie_at_their_fields(Small3D(), layer, (32, 18, 32))
    cells = cell_grid(
        net, "conv3", image=torch.zeros(1, 1, 20, 16, 24), grid=Grid((20, 16, 24), IDENTITY)
    )
    assert cells.shape == (10, 8, 12)
    assert cells.to_world((0, 0, 0)).tolist() == [0.5, 0.5, 0.5]
    assert cells.spacing_mm == (2, 2, 2)


@st.composite
def stacks(draw):
    """Draw one to three layers, each with its own window along each axis."""
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "same", "max", "avg"]))
        kernel = [draw(st.integers(1, 4)) for _ in range(3)]
        stride = [draw(st.integers(1, 2)) for _ in range(3)]
        dilation = [draw(st.integers(1, 2)) for _ in range(3)]
        # torch pads no pooling by more than half of its window
        padding = [draw(st.integers(0, k // 2)) for k in kernel]
        if kind == "conv":
            layers.append(nn.Conv3d(1, 1, kernel, stride, padding, dilation))
        elif kind == "same":
            layers.append(nn.Conv3d(1, 1, [k | 1 for k in kernel], 1, "same", dilation))
        elif kind == "max":
            layers.append(nn.MaxPool3d(kernel, stride, padding, dilation))
        else:
            layers.append(nn.AvgPool3d(kernel, stride, padding))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


@settings(deadline=None, max_examples=20)
@given(stacks())
def test_cells_of_stacked_windows_lie_at_their_fields(net):
    assert_cells_lie_at_their_fields(net, str(len(net) - 1), (33, 34, 35))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [2, 4])
def test_same_padding_of_an_even_kernel_is_located(kernel):
    net = nn.Sequential(nn.Conv3d(1, 1, kernel, padding="same"))
    assert_cells_lie_at_their_fields(net, "0", (21, 22, 23))


@pytest.mark.parametrize(("layer", "length"), [("layer1", 40), ("layer2", 64), ("layer3", 128)])
def test_cells_of_a_residual_net_lie_at_their_fields(layer, length):
    net = ResNet("basic", [1, 1, 1, 1], [2, 2, 2, 2], n_input_channels=1, num_classes=1)
    assert_cells_lie_at_their_fields(net, layer, (length, 24, 24))


def test_cells_of_a_net_that_concatenates_maps_lie_at_their_fields():
    shape = (80, 24, 24)
    net = DenseNet121(3, 1, 1, init_features=4, growth_rate=2, block_config=(1, 1), bn_size=1)
    assert_cells_lie_at_their_fields(net, "features.denseblock2", shape)


def test_cells_are_located_in_the_scanners_space():
    affine = np.array([[0, -2.0, 0, 10], [0.5, 0, 0, 20], [0, 0, -3, 30], [0, 0, 0, 1]])
    net = nn.Sequential(nn.AvgPool3d((2, 3, 4)))
    grid = Grid((8, 9, 8), affine)
    cells = cell_grid(net, "0", image=torch.zeros(2, 1, *grid.shape), grid=grid)
    assert cells.shape == (4, 3, 2)
    for cell in [(0, 0, 0), (3, 0, 0), (0, 2, 0), (0, 0, 1)]:
        low = np.array(cell) * (2, 3, 4)
        window = [low + np.array(i) for i in np.ndindex(2, 3, 4)]
        assert cells.to_world(cell) == pytest.approx(grid.to_world(window).mean(axis=0))


class Change(nn.Module):
    """Convolution behind a step that moves voxels."""

    def __init__(self, step):
        super().__init__()
        self.step = step
        self.conv = nn.Conv3d(1, 1, 1)

    def forward(self, image):
        return self.conv(self.step(image))


class Squeezed(nn.Module):
    """Weights channels by a mean over all cells, as squeeze and excitation does."""

    def forward(self, x):
        return x * x.mean((2, 3, 4), keepdim=True).sigmoid() + x / (1 + x.amax())


class Joined(nn.Module):
    """Adds or concatenates two branches."""

    def __init__(self, first, second, join):
        super().__init__()
        self.first, self.second, self.join = first, second, join

    def forward(self, x):
        return self.join(self.first(x), self.second(x))


def append(a, b):
    return torch.cat([a, b], dim=1)[:, :1]


def add_in_place(a, b):
    a += b
    return a


STRIDED = {"one": nn.Conv3d(1, 1, 1, 2), "three": nn.Conv3d(1, 1, 3, 2, 1)}
ASIDE = nn.Conv3d(1, 1, 3, 2, (1, 1, 0))


def pooled(size):
    return lambda x: functional.interpolate(x, size=size, mode="area")


# cell 0 and the step from cell to cell along each axis of the input; by hand for 8 x 12 x 10 voxels
PLACES = {
    "nearest": (nn.Upsample(scale_factor=2), (-0.25,) * 3, (0.5,) * 3),
    "nearest, every other": (nn.Upsample(scale_factor=0.5), (0, 0, 0), (2, 2, 2)),
    "nearest, two of three": (nn.Upsample(scale_factor=2 / 3), (-0.2, -0.25, -0.25), (1.5,) * 3),
    "trilinear": (nn.Upsample(scale_factor=2, mode="trilinear"), (-0.25,) * 3, (0.5,) * 3),
    "corners": (
        nn.Upsample(size=(15, 12, 4), mode="trilinear", align_corners=True),
        (0, 0, 0),
        (0.5, 1, 3),
    ),
    "factor that does not fit": (
        nn.Upsample(scale_factor=1.3, mode="trilinear"),
        ((1 / 1.3 - 1) / 2,) * 3,
        (1 / 1.3,) * 3,
    ),
    "area": (pooled((4, 4, 5)), (0.5, 1, 0.5), (2, 3, 2)),
    "transposed": (nn.ConvTranspose3d(1, 1, 2, 2), (-0.25,) * 3, (0.5,) * 3),
    "transposed, padded": (nn.ConvTranspose3d(1, 1, 3, 2, 1, 1), (0, 0, 0), (0.5,) * 3),
    "adaptive average": (nn.AdaptiveAvgPool3d((4, 4, 5)), (0.5, 1, 0.5), (2, 3, 2)),
    "adaptive maximum": (nn.AdaptiveMaxPool3d(1), (3.5, 5.5, 4.5), (8, 12, 10)),
    "overhanging": (nn.MaxPool3d(3, ceil_mode=True), (1, 1, 1), (3, 3, 3)),
    "with indices": (lambda x: functional.max_pool3d(x, 2, return_indices=True)[0], (0.5,) * 3, 2),
    "padded at one end": (nn.ConstantPad3d((1, 0, 2, 0, 0, 3), 0), (0, -2, -1), (1, 1, 1)),
    "mirrored": (nn.Conv3d(1, 1, 3, padding=1, padding_mode="reflect"), (0, 0, 0), (1, 1, 1)),
    "flipped": (lambda x: x.flip(2, -1), (7, 0, 9), (-1, 1, -1)),
    "cut": (lambda x: x[:, :, 1:, ..., 2:9:3], (1, 0, 2), (1, 1, 3)),
    "squeezed": (Squeezed(), (0, 0, 0), (1, 1, 1)),
    "added": (Joined(*STRIDED.values(), torch.add), (0, 0, 0), (2, 2, 2)),
    "added in place": (Joined(*STRIDED.values(), add_in_place), (0, 0, 0), (2, 2, 2)),
    "appended": (Joined(*STRIDED.values(), append), (0, 0, 0), (2, 2, 2)),
    "halves of the channels": (lambda x: torch.cat([x, x], 1).chunk(2, 1)[1], (0, 0, 0), (1, 1, 1)),
}


@pytest.mark.parametrize(("step", "start", "apart"), PLACES.values(), ids=PLACES)
def test_known_operations_move_cells_as_worked_by_hand(step, start, apart):
    shape = (8, 12, 10)
    cells = cell_grid(
        Change(step), "conv", image=torch.zeros(1, 1, *shape), grid=Grid(shape, IDENTITY)
    )
    assert cells.to_world((0, 0, 0)) == pytest.approx(np.array(start, float), abs=1e-6)
    assert np.diag(cells.affine)[:3] == pytest.approx(np.broadcast_to(apart, 3), abs=1e-6)


def test_permuted_axes_are_followed():
    net = Change(lambda x: x.permute(0, 1, 3, 4, 2).transpose(2, 3)[:, :, ::2])
    shape = (8, 9, 10)
    cells = cell_grid(net, "conv", image=torch.zeros(1, 1, *shape), grid=Grid(shape, IDENTITY))
    # last axis, every other voxel; middle; first
    assert cells.shape == (5, 9, 8)
    assert cells.to_world((3, 1, 2)).tolist() == [2, 1, 6]


REFUSED = {
    "uneven average": (nn.AdaptiveAvgPool3d(5), "several sizes"),
    "uneven maximum": (nn.AdaptiveMaxPool3d(5), "several sizes"),
    "circular": (nn.CircularPad3d(1), "circular"),
    "rolled": (lambda x: x.roll(1, 2), "roll"),
    "picked": (lambda x: x[:, :, torch.arange(3)], "single voxels"),
    "warped": (
        lambda x: functional.grid_sample(x, torch.zeros(1, 8, 9, 10, 3), align_corners=False),
        "grid_sample",
    ),
    "side by side": (lambda x: torch.cat([x, x], dim=2), "side by side"),
    "channels last": (lambda x: x.permute(0, 2, 3, 4, 1).permute(0, 4, 1, 2, 3), "channels"),
    "assigned": (lambda x: _assign(x), "assignment"),
    "flattened": (lambda x: x.flatten(2).reshape(x.shape), "flatten"),
    "added": (Joined(STRIDED["three"], ASIDE, lambda a, b: a[..., :4] + b[..., :4]), "joins"),
    "added in place": (
        Joined(STRIDED["three"], ASIDE, lambda a, b: add_in_place(a[..., :4], b[..., :4])),
        "joins",
    ),
    "appended": (
        Joined(STRIDED["three"], ASIDE, lambda a, b: append(a[..., :4], b[..., :4])),
        "joins",
    ),
    "added to what is lost": (lambda x: x + x.roll(1, 2), "roll"),
}


def _assign(x):
    copy = x.clone()
    copy[:, :, 1:] = x[:, :, :-1]
    return copy


@pytest.mark.parametrize(("step", "reason"), REFUSED.values(), ids=REFUSED)
def test_unknown_place_is_refused(step, reason):
    with pytest.raises(ValueError, match=f"layer 'conv' is not known: .*{reason}"):
        cell_grid(
            Change(step), "conv", image=torch.zeros(1, 1, 8, 9, 10), grid=Grid((8, 9, 10), IDENTITY)
        )


def test_layer_that_does_not_run_is_refused():
    net = Small3D()
    net.idle = nn.Conv3d(1, 1, 1)
    with pytest.raises(ValueError, match="does not run its layer 'idle'"):
        cell_grid(net, "idle", image=torch.zeros(1, 1, 8, 8, 8), grid=Grid((8, 8, 8), IDENTITY))


def test_unknown_layer_is_refused_with_a_list_of_the_known():
    with pytest.raises(ValueError, match=r"no layer 'conv9'.*conv1.*conv3"):
        cell_grid(
            Small3D(), "conv9", image=torch.zeros(1, 1, 8, 8, 8), grid=Grid((8, 8, 8), IDENTITY)
        )


@pytest.mark.parametrize("training", [True, False])
def test_net_is_left_as_it_was(training):
    net = Small3D().train(training)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    cell_grid(net, "conv3", image=torch.zeros(1, 1, 8, 8, 8), grid=Grid((8, 8, 8), IDENTITY))
    assert all(module.training == training for module in net.modules())
    assert all(not module._forward_hooks for module in net.modules())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
