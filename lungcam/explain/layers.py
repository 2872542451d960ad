"""A net's layers by name."""

from torch import nn


def find_layer(net: nn.Module, layer: str) -> nn.Module:
    """Find a net's layer by name; a ValueError lists the names there are."""
    modules = dict(net.named_modules())
    if layer not in modules:
        raise ValueError(
            f"The net has no layer '{layer}'; it has {', '.join(filter(None, modules))}."
        )
    return modules[layer]
