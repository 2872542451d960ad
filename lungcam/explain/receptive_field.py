"""Layers of a net and the places of their cells in the scanner's space."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lungcam.explain.receptive_field_ops import UntrackableOperation, identity, index_matrix
from lungcam.grid import Grid


def find_layer(net: nn.Module, layer: str) -> nn.Module:
    """Return a net's layer by name; a ValueError lists the existing names."""
    modules = dict(net.named_modules())
    if layer not in modules:
        raise ValueError(
            f"The net has no layer '{layer}'; it has {', '.join(filter(None, modules))}."
        )
    return modules[layer]


def map_layers(net: nn.Module, image: torch.Tensor) -> list[str]:
    """List the layers that give a 3D map of more than one cell, in the order they run.

    Args:
        net: Maps `(B, C, W, H, D)` to logits.
        image: `(B, C, W, H, D)`; only its shape matters.
    """
    names: dict[str, None] = {}

    def recorder(name: str):
        def hook(_module, _inputs, output) -> None:
            if isinstance(output, torch.Tensor) and output.ndim == 5 and output[0, 0].numel() > 1:
                names[name] = None

        return hook

    handles = [
        module.register_forward_hook(recorder(name)) for name, module in net.named_modules() if name
    ]
    training = net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros_like(image))
    finally:
        for handle in handles:
            handle.remove()
        net.train(training)
    return list(names)


def cell_grid(net: nn.Module, layer: str, *, image: torch.Tensor, grid: Grid) -> Grid:
    """Locate the cells of a layer's feature map at the centres of their receptive fields.

    The centres follow from the kernels, strides, paddings and dilations of convolutions (transposed
    ones too) and poolings, from interpolation, padding, flips, crops and permuted axes between the
    image and the layer, read off while the net runs once. Where an interpolation takes the nearest
    voxel, several cells look at one voxel: they are spread around it.

    Args:
        net: As for `grad_cam`.
        layer: Name of the layer.
        image: `(B, C, W, H, D)`; only its shape matters.
        grid: Grid of the image.

    Returns:
        Grid of the feature map, for `resample` to carry the map to any other grid.

    Raises:
        ValueError: There is no such layer, or an operation between image and layer moves voxels in
            a way not known here, or joins maps that look at different places.
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


def layer_grids(net: nn.Module, image: torch.Tensor, *, grid: Grid) -> dict[str, Grid]:
    """Locate the cells of every layer that gives a 3D map of known place, in one pass.

    Args:
        net: Maps `(B, C, W, H, D)` to logits.
        image: `(B, C, W, H, D)`; only its shape matters.
        grid: Grid of the image.

    Returns:
        Grids as of `cell_grid`, by the layers' names in the order in which they end; maps of one
        cell are left out.
    """
    grids: dict[str, Grid] = {}

    def recorder(name: str):
        def hook(_module, _inputs, output) -> None:
            # a layer that runs several times is explained where it ends
            grids.pop(name, None)
            if isinstance(output, torch.Tensor) and output.ndim == 5 and output[0, 0].numel() > 1:
                with suppress(ValueError):
                    grids[name] = tracked_grid(name, output, grid=grid)

        return hook

    handles = [
        module.register_forward_hook(recorder(name)) for name, module in net.named_modules() if name
    ]
    training = net.training
    try:
        with torch.no_grad():
            probe = torch.zeros_like(image[:1])
            probe.centers = identity()
            with CellTracker():
                net.eval()(probe)
    finally:
        for handle in handles:
            handle.remove()
        net.train(training)
    return grids


class CellTracker(TorchFunctionMode):
    """Pass the places that cells look at from tensor to tensor while a net runs.

    A tensor's attribute `centers` is a matrix (see `lungcam.explain.receptive_field_ops`), or,
    where places are lost, the reason.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        sources = [tensor for tensor in _tensors((args, kwargs)) if hasattr(tensor, "centers")]
        # read before the call: an operation in place overwrites its source
        centers = [source.centers for source in sources]
        output = func(*args, **kwargs)
        if not sources:
            return output
        operation = getattr(func, "__name__", str(func)).strip("_")
        if operation == "setitem":
            args[0].centers = "an assignment to voxels mixes places"
        for tensor in _tensors((output,)):
            tensor.centers = _output_centers(
                operation, sources, centers=centers, output=tensor, args=args, kwargs=kwargs
            )
        return output


def tracked_grid(layer: str, features: torch.Tensor, *, grid: Grid) -> Grid:
    """Return the grid of a feature map that `CellTracker` has followed.

    Args:
        layer: Name of the layer, for the message.
        features: `(B, C, w, h, d)`, with the attribute `centers`.
        grid: Grid of the net's input.

    Raises:
        ValueError: The place is not known.
    """
    centers = getattr(features, "centers", "nothing of the image reaches it")
    if isinstance(centers, str):
        raise ValueError(
            f"The place of layer '{layer}' is not known: {centers}. Choose an earlier layer."
        )
    return Grid(tuple(features.shape[2:]), grid.affine @ centers)


def _tensors(values) -> Iterator[torch.Tensor]:
    """Yield the tensors among arguments, also in lists: torch.cat takes its tensors in one."""
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple, dict)):
            yield from _tensors(value)


def _output_centers(operation, sources, *, centers, output, args, kwargs) -> np.ndarray | str:
    """Return the places of an operation's output, or the reason why they are lost."""
    matrices = []
    kwargs = {name: value for name, value in kwargs.items() if name not in ("input", "tensors")}
    for source, source_centers in zip(sources, centers, strict=True):
        # one value for all cells, as of squeeze and excitation, has no place to respect
        if set(source.shape[-3:]) <= {1} and set(output.shape[-3:]) != {1} and len(sources) > 1:
            continue
        if isinstance(source_centers, str):
            return source_centers
        if source.ndim != 5 or output.ndim != 5:
            return f"`{operation}` leaves no map with cells"
        try:
            matrix = index_matrix(operation, source, output=output, args=args[1:], kwargs=kwargs)
        except UntrackableOperation as error:
            return str(error)
        matrices.append(source_centers @ matrix)
    if not matrices:
        return f"`{operation}` makes a map of single values"
    if not all(np.allclose(matrix, matrices[0], atol=1e-6) for matrix in matrices):
        return f"`{operation}` joins maps with cells that look at different places"
    return matrices[0]
