"""How a picture looks: choices by name, refused in one line before any work.

How pictures look, from the configuration.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from lungcam.config.options import RenderOptions, check_choices
from lungcam.errors import InputError
from lungcam.render.transfer_functions import (
    FIRE,
    PRESETS,
    TransferFunctions,
    heat_functions,
    is_colormap,
)

CLIPS = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Planes that cut the volume open, and the axis that each stands across."""

SIZES = (64, 4096)


def check_options(look: RenderOptions) -> None:
    """Refuse a look that cannot be drawn.

    Raises:
        ValueError: In one line that begins with the field and its value, 'view=frontal: ...'.
    """
    check_choices(RenderOptions, vars(look))
    if not is_colormap(look.colormap):
        raise ValueError(
            f"colormap={look.colormap}: choose {FIRE}, or a name of matplotlib's such as hot, "
            "inferno, magma or viridis."
        )
    least, most = SIZES
    if isinstance(look.size, bool) or not isinstance(look.size, int):
        raise ValueError(f"size={look.size}: give a whole number of pixels.")
    if not least <= look.size <= most:
        raise ValueError(f"size={look.size}: give {least} to {most} pixels.")


def transfer_functions(
    look: RenderOptions, histogram: np.ndarray
) -> tuple[TransferFunctions, TransferFunctions]:
    """Tables of the lungs and of the heat.

    Args:
        look: One that `check_options` lets pass.
        histogram: `(256,)` counts of the lungs' values, as `lungs_histogram` makes them.

    Returns:
        Of the lungs, on the display scale; of the heat, with 255 at its peak.
    """
    return PRESETS[look.preset](histogram), heat_functions(look.colormap)


def read_options(told: Mapping[str, Any]) -> RenderOptions:
    """Read the node `render`, and refuse what cannot be drawn before any work.

    Args:
        told: With a key for each field of `RenderOptions`; others are left alone.

    Raises:
        InputError: Names the key.
    """
    look = RenderOptions(**{field.name: told[field.name] for field in fields(RenderOptions)})
    try:
        check_options(look)
    except ValueError as error:
        raise InputError(f"render.{error}") from error
    return look
