"""Grad-CAM: where the evidence for the positive class lies."""

import torch
from torch import nn


def find_layer(net: nn.Module, layer: str) -> nn.Module:
    """Find a net's layer by name; a ValueError lists the names there are."""
    modules = dict(net.named_modules())
    if layer not in modules:
        raise ValueError(
            f"The net has no layer '{layer}'; it has {', '.join(filter(None, modules))}."
        )
    return modules[layer]


def grad_cam(net: nn.Module, image: torch.Tensor, layer: str) -> torch.Tensor:
    """Weigh a layer's feature maps by the logit's mean gradient and keep what speaks for it.

    `relu(sum_c mean(d logit / d A_c) A_c)` after Selvaraju et al., Grad-CAM, ICCV 2017, eqs. 1-2,
    with neither upsampling nor scaling: values of all scans stand on one scale, and `cell_grid`
    says where they stand in space. The layers before are passed without a graph, so this costs
    little more than a plain forward pass. No hook and no gradient is left behind; works inside
    `torch.no_grad` and Lightning's test and predict.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit a sample, `(B,)` or `(B, 1)`.
        image: `(B, C, W, H, D)`.
        layer: Name of the layer, as in `net.named_modules()`.

    Returns:
        `(B, w, h, d)` maps at the layer's own resolution, >= 0.

    Raises:
        ValueError: There is no such layer, or it gives no 3D feature map.
    """
    module = find_layer(net, layer)
    captured: list[torch.Tensor] = []

    def start_graph(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or output.ndim != 5:
            raise ValueError(f"Layer '{layer}' gives no feature map (B, C, W, H, D).")
        torch.set_grad_enabled(True)
        captured.append(output.detach().requires_grad_())
        # what follows may work in place, which a leaf of the graph does not allow
        return captured[-1].clone()

    training = net.training
    handle = module.register_forward_hook(start_graph)
    try:
        with torch.inference_mode(False), torch.no_grad():
            logit = net.eval()(image.clone() if image.is_inference() else image)
            features = captured[-1]
            (gradient,) = torch.autograd.grad(logit.sum(), features)
            weights = gradient.mean(dim=(2, 3, 4), keepdim=True)
            return torch.relu((weights * features).sum(dim=1)).detach()
    finally:
        handle.remove()
        net.train(training)
