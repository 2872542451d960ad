"""A net's layers by name."""

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


def map_layers(net: nn.Module, image: torch.Tensor) -> list[str]:
    """Names of the layers that give a 3D map of more than one cell, in the order they run.

    Args:
        net: Maps `(B, C, W, H, D)` to logits.
        image: `(B, C, W, H, D)`; only its shape matters.
    """
    found: dict[str, None] = {}

    def note(name: str):
        def hook(_module, _inputs, output) -> None:
            if isinstance(output, torch.Tensor) and output.ndim == 5 and output[0, 0].numel() > 1:
                found[name] = None

        return hook

    handles = [m.register_forward_hook(note(name)) for name, m in net.named_modules() if name]
    training = net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros_like(image))
    finally:
        for handle in handles:
            handle.remove()
        net.train(training)
    return list(found)
