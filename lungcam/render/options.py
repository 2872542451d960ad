"""Render options: choices by name, checked before any work, and their transfer functions."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from lungcam.config.options import RenderOptions, check_choices
from lungcam.errors import InputError
from lungcam.heat_colors import FIRE, is_colormap
from lungcam.render.transfer_functions import PRESETS, TransferFunctions, heat_functions

CLIPS = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Planes that clip the volume, with the axis normal to each."""

# pixels along each side
SIZES = (64, 4096)


def read_options(node: Mapping[str, Any]) -> RenderOptions:
    """Read the configuration's node `render` and check its values.

    Args:
        node: Value of each field of `RenderOptions`, by name; other keys are ignored.

    Raises:
        InputError: If a value does not exist; the message names the key.
    """
    options = RenderOptions(**{field.name: node[field.name] for field in fields(RenderOptions)})
    try:
        check_options(options)
    except ValueError as error:
        raise InputError(f"render.{error}") from error
    return options


def check_options(options: RenderOptions) -> None:
    """Refuse options that cannot be drawn.

    Raises:
        ValueError: If a value does not exist; one line that begins with the field and its value,
            such as 'view=frontal: ...'.
    """
    check_choices(RenderOptions, vars(options))
    if not is_colormap(options.colormap):
        raise ValueError(
            f"colormap={options.colormap}: choose {FIRE}, or a name of matplotlib's such as hot, "
            "inferno, magma or viridis."
        )
    low, high = SIZES
    if isinstance(options.size, bool) or not isinstance(options.size, int):
        raise ValueError(f"size={options.size}: give a whole number of pixels.")
    if not low <= options.size <= high:
        raise ValueError(f"size={options.size}: give {low} to {high} pixels.")


def transfer_functions(
    options: RenderOptions, histogram: np.ndarray
) -> tuple[TransferFunctions, TransferFunctions]:
    """Return the transfer functions of the lungs and of the heat-map.

    Args:
        options: Options that `check_options` accepts.
        histogram: `(256,)` counts of the lungs' values, from `lungs_histogram`.

    Returns:
        Functions of the lungs on the display scale, and of the heat-map with 255 at its peak.
    """
    return PRESETS[options.preset](histogram), heat_functions(options.colormap)
