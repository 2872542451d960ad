"""Nets with random weights, layer by layer: a map that does not change does not show the net."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

# a deep net's layers are randomised in so many groups
STAGES = 8


def cascade(net: nn.Module, image: torch.Tensor, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Randomise a net's layers one after the other, from the head down.

    Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018. It is done on a copy: whatever
    happens, the net's weights, its buffers and torch's random numbers stay as they are.

    Args:
        net: Any net, not attached to a trainer.
        image: `(B, C, W, H, D)` that it can be run on, to see in which order its layers are used.
        seed: Of the random weights.

    Yields:
        The lowest layer that is random by then, and the copy: one and the same, in evaluation mode,
        randomised further each time. The last is an untrained net.
    """
    changed = copy.deepcopy(net).eval()
    layers = _in_order(changed, image)[::-1]
    groups = np.array_split(np.arange(len(layers)), min(STAGES, len(layers)))
    for number, group in enumerate(groups):
        # no seed that anybody trains with: weights would be those that training began with
        drawn = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        with _own_random_numbers(image.device, drawn):
            for at in group:
                _randomise(layers[at][1])
        yield layers[group[-1]][0], changed


def untrained(net: nn.Module, image: torch.Tensor, seed: int = 0) -> nn.Module:
    """Copy a net with all its weights random; arguments as for `cascade`."""
    *_, (_, changed) = cascade(net, image, seed)
    return changed


def _in_order(net: nn.Module, image: torch.Tensor) -> list[tuple[str, nn.Module]]:
    """Modules with parameters of their own, in the order in which they first run."""
    used: dict[str, nn.Module] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda module, _inputs, name=name: used.setdefault(name, module) and None
        )
        for name, module in net.named_modules()
        if list(module.parameters(recurse=False))
    ]
    try:
        with torch.no_grad():
            net(image[:1])
    finally:
        for handle in handles:
            handle.remove()
    return list(used.items())


@contextmanager
def _own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Draw from a seed and give torch its own state back afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def _randomise(module: nn.Module) -> None:
    """As torch's own layers begin; other parameters are drawn with their own spread."""
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
        return
    for weight in module.parameters(recurse=False):
        spread = float(weight.std()) if weight.numel() > 1 else 0.0
        weight.normal_(0, spread or 0.02)
