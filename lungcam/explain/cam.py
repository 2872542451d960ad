"""The methods that make a map from a layer's features and the logit's gradient.

Each gives two maps `(B, w, h, d)`, >= 0: what speaks for the positive class, and what against it.
Their unit is the logit's, and nothing is scaled map by map. "Against" is the method applied to
minus the logit, the log-odds of the negative class.

Grad-CAM: where the evidence for the positive class lies.
"""

from collections.abc import Callable

import torch
from torch import nn

from lungcam.explain.features import Features, features


def grad_cam(net: nn.Module, image: torch.Tensor, *, layer: str) -> torch.Tensor:
    """Weigh a layer's feature maps by the logit's mean gradient and keep what speaks for it.

    `relu(sum_c mean(d logit / d A_c) A_c)` after Selvaraju et al., Grad-CAM, ICCV 2017, eqs. 1-2,
    with neither upsampling nor scaling: values of all scans stand on one scale, and `cell_grid`
    says where they stand in space. Costs little more than a plain forward pass and leaves nothing
    behind, see `lungcam.explain.features`.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit a sample, `(B,)` or `(B, 1)`.
        image: `(B, C, W, H, D)`.
        layer: Name of the layer, as in `net.named_modules()`.

    Returns:
        `(B, w, h, d)` maps at the layer's own resolution, >= 0.

    Raises:
        ValueError: There is no such layer, or it gives no 3D feature map.
    """
    return torch.relu(signed_grad_cam(features(net, image, layer=layer)))


def signed_grad_cam(features: Features) -> torch.Tensor:
    """Grad-CAM before its last step: negative where a cell speaks against, `(B, w, h, d)`."""
    weights = features.gradient.mean(dim=(2, 3, 4), keepdim=True)
    return (weights * features.values).sum(dim=1)


Sides = tuple[torch.Tensor, torch.Tensor]
EVIDENCE = ("both", "for", "against")


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
    2018, eqs. 11 and 19 (MONAI sums A_c g_c^3 instead). They explain
    exp(logit), whose own factor exp(logit) is left out: it is one number a scan, and would take the
    maps of different scans off one scale.
    """
    total = features.values.sum(dim=(2, 3, 4), keepdim=True)

    def side(gradient: torch.Tensor) -> torch.Tensor:
        square = gradient**2
        below = 2 * square + total * gradient * square
        alpha = torch.where(below != 0, square / below, 0.0)
        weights = (alpha * torch.relu(gradient)).sum(dim=(2, 3, 4), keepdim=True)
        return torch.relu((weights * features.values).sum(dim=1))

    return side(features.gradient), side(-features.gradient)


def _split(signed: torch.Tensor) -> Sides:
    return torch.relu(signed), torch.relu(-signed)


def choose_evidence(sides: Sides, evidence: str) -> torch.Tensor:
    """Take one side, >= 0, or both: what speaks for less what speaks against.

    Args:
        sides: From a method.
        evidence: `both`, `for` or `against`.

    Raises:
        ValueError: There is no such evidence.
    """
    check_evidence(evidence)
    speaks_for, speaks_against = sides
    if evidence == "both":
        return speaks_for - speaks_against
    return speaks_for if evidence == "for" else speaks_against


def check_evidence(evidence: str) -> None:
    """Refuse what is no evidence by a ValueError that lists what there is."""
    if evidence not in EVIDENCE:
        raise ValueError(f"There is no evidence '{evidence}'; choose {', '.join(EVIDENCE)}.")


def check_method(method: str) -> None:
    """Refuse what is no method by a ValueError that lists what there is."""
    if method not in METHODS:
        raise ValueError(f"There is no method '{method}'; choose {', '.join(METHODS)}.")


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


def method_name(method: str, evidence: str) -> str:
    """What a picture calls a method's map."""
    return f"{METHOD_NAMES[method]}, against" if evidence == "against" else METHOD_NAMES[method]
