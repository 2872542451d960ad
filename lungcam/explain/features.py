"""A layer's feature map and the logit's gradient by it, in one pass."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from lungcam.explain.layers import find_layer
from lungcam.explain.receptive_field import CellTracker, tracked_grid
from lungcam.explain.receptive_field_ops import identity
from lungcam.grid import Grid


@dataclass(frozen=True, eq=False, kw_only=True)
class Features:
    """What the maps of a layer are made of.

    Attributes:
        values: `(B, C, w, h, d)`, the layer's output A.
        gradient: `(B, C, w, h, d)`, d logit / d A.
        cells: Where the cells stand; None where no grid was given.
        logit: `(B,)`, the net's answers.
    """

    values: torch.Tensor
    gradient: torch.Tensor
    cells: Grid | None
    logit: torch.Tensor


def features(
    net: nn.Module, image: torch.Tensor, *, layer: str, grid: Grid | None = None
) -> Features:
    """Run a net once, and differentiate its logit as far back as a layer.

    The layers before are passed without a graph, so this costs little more than a plain forward
    pass. No hook and no gradient is left behind; works inside `torch.no_grad`,
    `torch.inference_mode` and Lightning's test and predict.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit a sample, `(B,)` or `(B, 1)`.
        image: `(B, C, W, H, D)`.
        layer: Name of the layer, as in `net.named_modules()`.
        grid: Where the image stands; the cells are placed in the same pass.

    Raises:
        ValueError: There is no such layer, it gives no 3D feature map, the logit does not depend
            on it, or the place of its cells is not known.
    """
    module = find_layer(net, layer)
    captured: list[torch.Tensor] = []
    places: list[Grid | None] = []

    def start_graph(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or output.ndim != 5:
            raise ValueError(f"Layer '{layer}' gives no feature map (B, C, W, H, D).")
        places.append(None if grid is None else tracked_grid(layer, output, grid=grid))
        torch.set_grad_enabled(True)
        captured.append(output.detach().requires_grad_())
        # what follows may work in place, which a leaf of the graph does not allow
        return captured[-1].clone()

    training = net.training
    handle = module.register_forward_hook(start_graph)
    try:
        with torch.inference_mode(False), torch.no_grad():
            image = image.clone() if image.is_inference() else image.view_as(image)
            image.centers = identity()
            with nullcontext() if grid is None else CellTracker():
                logit = net.eval()(image)
            if not captured:
                raise ValueError(f"The net does not run its layer '{layer}'.")
            values, gradient = captured[-1], None
            if logit.requires_grad:
                (gradient,) = torch.autograd.grad(logit.sum(), values, allow_unused=True)
            if gradient is None:
                raise ValueError(f"The answer does not depend on layer '{layer}'.")
            return Features(
                values=values.detach(),
                gradient=gradient,
                cells=places[-1],
                logit=logit.detach().reshape(len(values)),
            )
    finally:
        handle.remove()
        net.train(training)
