"""Layer that gives a net's logit: found in any net, and widened to several classes."""

import torch
from torch import nn


class ClassHead(nn.Linear):
    """Last layer of a net, from features to a logit for each of several classes."""


def logit_layer(net: nn.Module) -> str:
    """Return the name of the linear layer that gives a net's logit, the last with one output.

    Raises:
        ValueError: There is no such layer.
    """
    names = [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == 1
    ]
    if not names:
        raise ValueError("model: its logit comes from no linear layer")
    return names[-1]


def replace_layer(net: nn.Module, name: str, layer: nn.Module) -> None:
    """Put a layer in the place of another, under its name."""
    parent, _, last = name.rpartition(".")
    setattr(net.get_submodule(parent), last, layer)


def add_classes(net: nn.Module, count: int) -> nn.Module:
    """Widen the linear layer that gives a net's logit to a logit for each class.

    Layers and weights keep their names.

    Args:
        net: Net with a linear layer of one output; the last of these gives the logit.
        count: Number of classes, 2 or more.

    Returns:
        The same net.

    Raises:
        ValueError: There is no such layer.
    """
    name = logit_layer(net)
    head = ClassHead(net.get_submodule(name).in_features, count)
    with torch.no_grad():
        # the classes begin nearly alike
        head.weight.mul_(0.1)
        nn.init.zeros_(head.bias)
    replace_layer(net, name, head)
    return net


def class_head(net: nn.Module) -> ClassHead:
    """Return a net's layer of classes; see `add_classes`."""
    return next(module for module in net.modules() if isinstance(module, ClassHead))
