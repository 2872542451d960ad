"""Settings of explanations, refused before anything is made."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from lungcam.config.options import ExplainOptions, check_choices
from lungcam.errors import InputError
from lungcam.explain.layers import map_layers
from lungcam.explain.receptive_field import cell_grid
from lungcam.grid import Grid

# names that a refusal lists
LISTED = 8


def check_explanation(settings: Mapping[str, Any]) -> None:
    """Refuse a method or an evidence that does not exist; None stands for what is carried.

    Raises:
        InputError: Names the key.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        check_choices(ExplainOptions, given)
    except ValueError as error:
        raise InputError(f"explain.{error}") from error


def check_layer(net: nn.Module, layer: str, *, shape: Sequence[int] | None) -> None:
    """Refuse a layer that does not exist, that gives no map, or whose place is not known.

    Args:
        net: The model.
        layer: Its name in the model.
        shape: `(W, H, D)` of the net's input; None where it is not known: the name alone is checked
            then.

    Raises:
        InputError: Names the key, and some layers that there are.
    """
    image = None if shape is None else torch.zeros(1, 1, *shape)
    if layer not in dict(net.named_modules()) or not layer:
        names = [] if image is None else map_layers(net, image)
        # those that stand first in the model's own words
        few = sorted(names, key=lambda name: name.count("."))[:LISTED]
        told = f"; some that it has: {', '.join(few)}" if few else ""
        raise InputError(f"explain.layer={layer}: the model has no such layer{told}.")
    if image is not None:
        try:
            cell_grid(net, layer, image=image, grid=Grid(tuple(shape), np.eye(4)))
        except ValueError as error:
            raise InputError(f"explain.layer={layer}: {error}") from error
