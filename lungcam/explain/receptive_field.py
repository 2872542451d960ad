"""Where a layer's cells stand in the scanner's space."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lungcam.explain.layers import find_layer
from lungcam.explain.receptive_field_ops import UntrackableOperation, identity, index_matrix
from lungcam.grid import Grid


class CellTracker(TorchFunctionMode):
    """Hand the places that cells look at on from tensor to tensor while a net runs.

    A tensor's attribute `centers` is a matrix (see `lungcam.explain.receptive_field_ops`), or,
    where places are lost, the reason.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        sources = [one for one in _tensors((args, kwargs)) if hasattr(one, "centers")]
        before = [one.centers for one in sources]
        # a map may be worked on in place: its shape is the same then
        output = func(*args, **kwargs)
        if not sources:
            return output
        operation = getattr(func, "__name__", str(func)).strip("_")
        if operation == "setitem":
            args[0].centers = "an assignment to voxels mixes places"
        for one in _tensors((output,)):
            one.centers = _centers(
                operation, sources, before=before, output=one, args=args, kwargs=kwargs
            )
        return output


def _tensors(values) -> Iterator[torch.Tensor]:
    """Tensors among arguments, also in lists: torch.cat takes its tensors in one."""
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple, dict)):
            yield from _tensors(value)


def _centers(operation, sources, *, before, output, args, kwargs) -> np.ndarray | str:
    """Places of an operation's output, or why they are lost."""
    found = []
    kwargs = {name: one for name, one in kwargs.items() if name not in ("input", "tensors")}
    for source, centers in zip(sources, before, strict=True):
        # one value for all cells, as of squeeze and excitation, has no place to be heeded
        if set(source.shape[-3:]) <= {1} and set(output.shape[-3:]) != {1} and len(sources) > 1:
            continue
        if isinstance(centers, str):
            return centers
        if source.ndim != 5 or output.ndim != 5:
            return f"`{operation}` leaves no map with cells"
        try:
            found.append(
                centers
                @ index_matrix(operation, source, output=output, args=args[1:], kwargs=kwargs)
            )
        except UntrackableOperation as error:
            return str(error)
    if not found:
        return f"`{operation}` makes a map of single values"
    if not all(np.allclose(one, found[0], atol=1e-6) for one in found):
        return f"`{operation}` joins maps whose cells look at different places"
    return found[0]


def tracked_grid(layer: str, features: torch.Tensor, *, grid: Grid) -> Grid:
    """Grid of a feature map that `CellTracker` has followed.

    Args:
        layer: Its name, for the message.
        features: `(B, C, w, h, d)`, with the attribute `centers`.
        grid: Where the net's input stands.

    Raises:
        ValueError: The place is not known.
    """
    centers = getattr(features, "centers", "nothing of the image reaches it")
    if isinstance(centers, str):
        raise ValueError(
            f"The place of layer '{layer}' is not known: {centers}. Choose an earlier layer."
        )
    return Grid(tuple(features.shape[2:]), grid.affine @ centers)


def cell_grid(net: nn.Module, layer: str, *, image: torch.Tensor, grid: Grid) -> Grid:
    """Place the cells of a layer's feature map at the centres of their receptive fields.

    The centres follow from the kernels, strides, paddings and dilations of convolutions (transposed
    ones too) and poolings, from interpolation, padding, flips, cuts and changed axes between the
    image and the layer, read off while the net runs once. Where an interpolation takes the nearest
    voxel, several cells look at one: they stand around it.

    Args:
        net: As for `grad_cam`.
        layer: Name of the layer.
        image: `(B, C, W, H, D)`; only its shape matters.
        grid: Where the image stands.

    Returns:
        Grid of the feature map, for `resample` to carry the map to any other grid.

    Raises:
        ValueError: There is no such layer, or something between image and layer moves voxels in a
            way not known here, or maps whose cells look at different places are joined there.
    """
    outputs = []
    handle = find_layer(net, layer).register_forward_hook(
        lambda _module, _inputs, output: outputs.append(output)
    )
    training = net.training
    try:
        with torch.no_grad():
            probe = torch.zeros_like(image[:1])
            probe.centers = identity()
            with CellTracker():
                net.eval()(probe)
    finally:
        handle.remove()
        net.train(training)
    if not outputs:
        raise ValueError(f"The net does not run its layer '{layer}'.")
    return tracked_grid(layer, outputs[-1], grid=grid)
