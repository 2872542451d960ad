"""Grad-CAM: where the evidence for the positive class lies."""

import torch
from torch import nn

from lungcam.explain.features import Features, features


def grad_cam(net: nn.Module, image: torch.Tensor, layer: str) -> torch.Tensor:
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
    return torch.relu(signed_grad_cam(features(net, image, layer)))


def signed_grad_cam(found: Features) -> torch.Tensor:
    """Grad-CAM before its last step: negative where a cell speaks against, `(B, w, h, d)`."""
    weights = found.gradient.mean(dim=(2, 3, 4), keepdim=True)
    return (weights * found.values).sum(dim=1)
