"""Checks of the settings of explanations, before anything is computed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from lungcam.config.options import ExplainOptions, check_choices
from lungcam.errors import InputError
from lungcam.explain.receptive_field import cell_grid, layer_grids, map_layers
from lungcam.grid import Grid

# layer names listed in an error
MAX_LISTED = 8
# name of the layer that `choose_layer` chooses, and its limits
AUTO = "auto"
LARGEST_CELL_MM = 20
FEWEST_CELLS = 8


def check_explanation(settings: Mapping[str, Any]) -> None:
    """Refuse an unknown method or evidence; None keeps the setting of the checkpoint.

    Raises:
        InputError: Names the key.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        check_choices(ExplainOptions, given)
    except ValueError as error:
        raise InputError(f"explain.{error}") from error


def check_layer(net: nn.Module, layer: str, *, shape: Sequence[int] | None) -> None:
    """Refuse a layer that does not exist, gives no map, or has cells of unknown place.

    Args:
        net: The model.
        layer: Its name in the model.
        shape: `(W, H, D)` of the net's input; None where it is not known, so that only the name is
            checked.

    Raises:
        InputError: Names the key, and some existing layers.
    """
    image = None if shape is None else torch.zeros(1, 1, *shape)
    if layer not in dict(net.named_modules()) or not layer:
        names = [] if image is None else map_layers(net, image)
        # the outermost layers
        few = sorted(names, key=lambda name: name.count("."))[:MAX_LISTED]
        hint = f"; some that it has: {', '.join(few)}" if few else ""
        raise InputError(f"explain.layer={layer}: the model has no such layer{hint}.")
    if image is not None:
        try:
            cell_grid(net, layer, image=image, grid=Grid(tuple(shape), np.eye(4)))
        except ValueError as error:
            raise InputError(f"explain.layer={layer}: {error}") from error


def choose_layer(net: nn.Module, *, shape: Sequence[int], spacing_mm: float) -> str:
    """Return the deepest layer with a map that is fine enough to point at a nodule.

    Of the layers with cells at most `LARGEST_CELL_MM` apart, and at least `FEWEST_CELLS` of them
    along each side, those with the largest cells are the deepest stage of the net. The last
    of its outermost layers is its output.

    Args:
        net: The model.
        shape: `(W, H, D)` of the net's input.
        spacing_mm: Edge length of a voxel, in mm.

    Raises:
        InputError: No layer is fine enough, or no place of one is known.
    """
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    grids = layer_grids(net, torch.zeros(1, 1, *shape), grid=Grid(tuple(shape), affine))
    cells = {
        name: max(grid.spacing_mm)
        for name, grid in grids.items()
        if max(grid.spacing_mm) <= LARGEST_CELL_MM and min(grid.shape) >= FEWEST_CELLS
    }
    if not cells:
        raise InputError(
            f"explain.layer={AUTO}: no layer has cells of {LARGEST_CELL_MM} mm or less in known "
            f"places, {FEWEST_CELLS} or more along each side; name one."
        )
    largest = max(cells.values())
    stage = [name for name, cell in cells.items() if np.isclose(cell, largest)]
    outermost = min(name.count(".") for name in stage)
    return [name for name in stage if name.count(".") == outermost][-1]
