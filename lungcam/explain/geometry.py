"""Where a layer's cells stand in the scanner's space."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lungcam.explain.grad_cam import find_layer
from lungcam.grid import Grid


@dataclass(frozen=True)
class Centers:
    """Receptive-field centres: along an axis, cell `i` looks at input voxel `start + i * step`."""

    start: tuple[float, ...] = (0.0, 0.0, 0.0)
    step: tuple[float, ...] = (1.0, 1.0, 1.0)

    def behind(self, kernel, stride, padding, dilation=1) -> "Centers":
        """Centres behind a window that slides over these cells (Dumoulin and Visin, 2016)."""
        start, step = [], []
        for axis in range(3):
            k, s, d = (_along(value, axis) for value in (kernel, stride, dilation))
            # "same" pads the odd voxel at the far end
            p = d * (k - 1) // 2 if padding == "same" else _along(padding, axis)
            p = 0 if padding == "valid" else p
            start.append(self.start[axis] + (d * (k - 1) / 2 - p) * self.step[axis])
            step.append(self.step[axis] * s)
        return Centers(tuple(start), tuple(step))


def _along(value, axis: int):
    """One axis of a window's parameter, which torch takes as a number or a sequence."""
    if isinstance(value, (tuple, list)):
        return value[axis] if len(value) == 3 else value[0]
    return value


class _FollowCenters(TorchFunctionMode):
    """Hand the centres on from tensor to tensor while a net runs."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        # torch.cat takes its tensors in a list
        flat = [one for a in args for one in (a if isinstance(a, (list, tuple)) else [a])]
        source = next((a for a in flat if getattr(a, "centers", None) is not None), None)
        if source is None or not isinstance(output, torch.Tensor) or output is source:
            return output
        if func is torch.conv3d:
            output.centers = _behind_conv3d(source.centers, *args, **kwargs)
        elif func in (functional.max_pool3d, torch.max_pool3d):
            output.centers = _behind_max_pool3d(source.centers, *args, **kwargs)
        elif func is functional.avg_pool3d:
            output.centers = _behind_avg_pool3d(source.centers, *args, **kwargs)
        elif output.ndim == 5 and output.shape[2:] == source.shape[2:]:
            output.centers = source.centers
        return output


def _behind_conv3d(
    centers, _input, weight, _bias=None, stride=1, padding=0, dilation=1, groups=1
) -> Centers:
    return centers.behind(tuple(weight.shape[2:]), stride, padding, dilation)


def _behind_max_pool3d(
    centers, _input, kernel_size, stride=None, padding=0, dilation=1, **_others
) -> Centers:
    return centers.behind(kernel_size, stride or kernel_size, padding, dilation)


def _behind_avg_pool3d(
    centers, _input, kernel_size, stride=None, padding=0, *_positional, **_others
) -> Centers:
    return centers.behind(kernel_size, stride or kernel_size, padding)


def cell_grid(net: nn.Module, layer: str, image: torch.Tensor, grid: Grid) -> Grid:
    """Place the cells of a layer's feature map at the centres of their receptive fields.

    The centres follow from the kernels, strides, paddings and dilations between the image and the
    layer, read off while the net runs once.

    Args:
        net: As for `grad_cam`.
        layer: Name of the layer.
        image: `(B, C, W, H, D)`; only its shape matters.
        grid: Where the image stands.

    Returns:
        Grid of the feature map, for `resample` to carry the map to any other grid.

    Raises:
        ValueError: There is no such layer, or something between image and layer moves voxels in a
            way not known here.
    """
    outputs = []
    handle = find_layer(net, layer).register_forward_hook(
        lambda _module, _inputs, output: outputs.append(output)
    )
    training = net.training
    try:
        with torch.no_grad():
            probe = torch.zeros_like(image[:1])
            probe.centers = Centers()
            with _FollowCenters():
                net.eval()(probe)
    finally:
        handle.remove()
        net.train(training)
    centers = getattr(outputs[-1], "centers", None)
    if centers is None:
        raise ValueError(f"The place of layer '{layer}' is not known: choose an earlier layer.")
    to_input = np.diag([*centers.step, 1.0])
    to_input[:3, 3] = centers.start
    return Grid(tuple(outputs[-1].shape[2:]), grid.affine @ to_input)
