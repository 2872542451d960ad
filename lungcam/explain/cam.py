"""Grad-CAM and its kin: maps from a layer's features and the gradient of the logit.

Each method gives two maps `(B, w, h, d)`, >= 0: the evidence for the positive class and the
evidence against it. Their unit is the logit's, and no map is scaled on its own. The evidence
against is the method applied to minus the logit, the log-odds of the negative class.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from lungcam.explain.receptive_field import CellTracker, find_layer, tracked_grid
from lungcam.explain.receptive_field_ops import identity
from lungcam.grid import Grid

EVIDENCE = ("both", "for", "against")


@dataclass(frozen=True, eq=False, kw_only=True)
class Features:
    """Feature map of a layer, and the gradient of the logit with respect to it.

    Attributes:
        values: `(B, C, w, h, d)`, the layer's output A.
        gradient: `(B, C, w, h, d)`, d logit / d A.
        cells: Grid of the cells; None where no grid was given.
        logit: `(B,)`, the net's outputs.
    """

    values: torch.Tensor
    gradient: torch.Tensor
    cells: Grid | None
    logit: torch.Tensor


# evidence for the positive class, and evidence against it
Sides = tuple[torch.Tensor, torch.Tensor]


def grad_cam(net: nn.Module, image: torch.Tensor, *, layer: str) -> torch.Tensor:
    """Weight a layer's feature maps by the logit's mean gradient and keep the positive part.

    `relu(sum_c mean(d logit / d A_c) A_c)` after Selvaraju et al., Grad-CAM, ICCV 2017, eqs. 1-2,
    with neither upsampling nor scaling: values of all scans share one scale, and `cell_grid` gives
    the place of the cells in space. Costs little more than a plain forward pass and leaves nothing
    behind, see `lungcam.explain.features`.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit per sample, `(B,)` or `(B, 1)`.
        image: `(B, C, W, H, D)`.
        layer: Name of the layer, as in `net.named_modules()`.

    Returns:
        `(B, w, h, d)` maps at the layer's own resolution, >= 0.

    Raises:
        ValueError: There is no such layer, or it gives no 3D feature map.
    """
    return torch.relu(signed_grad_cam(features(net, image, layer=layer)))


def features(
    net: nn.Module, image: torch.Tensor, *, layer: str, grid: Grid | None = None
) -> Features:
    """Run a net once, and differentiate its logit back to a layer.

    The layers before are run without a graph, so this costs little more than a plain forward pass.
    No hook and no gradient is left behind; works inside `torch.no_grad`, `torch.inference_mode`
    and Lightning's test and predict.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit per sample, `(B,)` or `(B, 1)`.
        image: `(B, C, W, H, D)`.
        layer: Name of the layer, as in `net.named_modules()`.
        grid: Grid of the image; the cells are located in the same pass.

    Raises:
        ValueError: There is no such layer, it gives no 3D feature map, the logit does not depend
            on it, or the place of its cells is not known.
    """
    module = find_layer(net, layer)
    captured: list[torch.Tensor] = []
    cell_grids: list[Grid | None] = []

    def start_graph(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or output.ndim != 5:
            raise ValueError(f"Layer '{layer}' gives no feature map (B, C, W, H, D).")
        cell_grids.append(None if grid is None else tracked_grid(layer, output, grid=grid))
        torch.set_grad_enabled(True)
        captured.append(output.detach().requires_grad_())
        # the next operation may work in place, which a leaf of the graph does not allow
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
                cells=cell_grids[-1],
                logit=logit.detach().reshape(len(values)),
            )
    finally:
        handle.remove()
        net.train(training)


def signed_grad_cam(features: Features) -> torch.Tensor:
    """Compute Grad-CAM without its last ReLU, `(B, w, h, d)`: below 0 is evidence against."""
    weights = features.gradient.mean(dim=(2, 3, 4), keepdim=True)
    return (weights * features.values).sum(dim=1)


def grad_cam_sides(features: Features) -> Sides:
    """Grad-CAM: `sum_c mean(g_c) A_c`, g = d logit / d A (Selvaraju et al., ICCV 2017)."""
    return _split(signed_grad_cam(features))


def hires_cam_sides(features: Features) -> Sides:
    """HiResCAM: `sum_c g_c A_c`, cell by cell (Draelos and Carin, arXiv:2011.08891, 2020).

    Where the net is linear behind the layer, the cells add up to the logit less its constant.
    """
    return _split((features.gradient * features.values).sum(dim=1))


def layer_cam_sides(features: Features) -> Sides:
    """LayerCAM: `relu(sum_c relu(g_c) A_c)` (Jiang et al., IEEE TIP 30, 2021, eqs. 6-7)."""

    def side(gradient: torch.Tensor) -> torch.Tensor:
        return torch.relu((torch.relu(gradient) * features.values).sum(dim=1))

    return side(features.gradient), side(-features.gradient)


def grad_cam_pp_sides(features: Features) -> Sides:
    """Grad-CAM++: `relu(sum_c w_c A_c)`, `w_c = sum alpha_c relu(g_c)`.

    `alpha_c = g_c^2 / (2 g_c^2 + sum(A_c) g_c^3)` cell by cell, after Chattopadhay et al., WACV
    2018, eqs. 11 and 19 (MONAI sums A_c g_c^3 instead). The paper explains exp(logit); its factor
    exp(logit) is left out here: it is one number per scan, and would give the maps of different
    scans different scales.
    """
    total = features.values.sum(dim=(2, 3, 4), keepdim=True)

    def side(gradient: torch.Tensor) -> torch.Tensor:
        square = gradient**2
        denominator = 2 * square + total * gradient * square
        alpha = torch.where(denominator != 0, square / denominator, 0.0)
        weights = (alpha * torch.relu(gradient)).sum(dim=(2, 3, 4), keepdim=True)
        return torch.relu((weights * features.values).sum(dim=1))

    return side(features.gradient), side(-features.gradient)


def _split(signed: torch.Tensor) -> Sides:
    return torch.relu(signed), torch.relu(-signed)


GRADIENT_METHODS: dict[str, Callable[[Features], Sides]] = {
    "gradcam": grad_cam_sides,
    "gradcampp": grad_cam_pp_sides,
    "hirescam": hires_cam_sides,
    "layercam": layer_cam_sides,
}
OCCLUSION = "occlusion"
METHODS = (*GRADIENT_METHODS, OCCLUSION)
METHOD_NAMES = {
    "gradcam": "Grad-CAM",
    "gradcampp": "Grad-CAM++",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
    OCCLUSION: "Occlusion",
}


def choose_evidence(sides: Sides, evidence: str) -> torch.Tensor:
    """Return one side, >= 0, or both: the evidence for less the evidence against.

    Args:
        sides: Result of a method.
        evidence: `both`, `for` or `against`.

    Raises:
        ValueError: There is no such evidence.
    """
    check_evidence(evidence)
    positive, negative = sides
    if evidence == "both":
        return positive - negative
    return positive if evidence == "for" else negative


def check_evidence(evidence: str) -> None:
    """Refuse an unknown evidence by a ValueError that lists the known ones."""
    if evidence not in EVIDENCE:
        raise ValueError(f"There is no evidence '{evidence}'; choose {', '.join(EVIDENCE)}.")


def check_method(method: str) -> None:
    """Refuse an unknown method by a ValueError that lists the known ones."""
    if method not in METHODS:
        raise ValueError(f"There is no method '{method}'; choose {', '.join(METHODS)}.")


def method_name(method: str, evidence: str) -> str:
    """Return the name of a method's map for pictures."""
    return f"{METHOD_NAMES[method]}, against" if evidence == "against" else METHOD_NAMES[method]
