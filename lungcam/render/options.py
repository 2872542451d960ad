"""Render options: choices by name, checked before any work, and their transfer functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lungcam.errors import InputError
from lungcam.render.camera import VIEWS
from lungcam.render.transfer_functions import (
    FIRE,
    PRESETS,
    TransferFunctions,
    heat_functions,
    is_colormap,
)

CLIPS = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Planes that clip the volume, with the axis normal to each."""

MAPPERS = ("auto", "software", "hardware")
# pixels along each side
SIZES = (64, 4096)


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """How pictures look; `check_options` refuses what does not exist.

    Attributes:
        preset: How the lungs are drawn: 'linear', 'gradient', 'otsu' or 'classic'; see
            `lungcam.render.transfer_functions`.
        colormap: Of the heat-map: 'fire', or a name of matplotlib's.
        view: A name from `VIEWS`.
        clip: 'axial', 'coronal' or 'sagittal' cuts the volume open at the heat-map's peak and takes
            away the part toward the camera; None leaves it whole.
        size: Of the picture along each side, in pixels.
        mapper: 'software' casts rays on the processor, 'hardware' on the graphics card; 'auto'
            takes the one that a measurement finds faster.
    """

    preset: str = "gradient"
    colormap: str = "fire"
    view: str = "anterior"
    clip: str | None = None
    size: int = 768
    mapper: str = "auto"


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
    for name, choices in (("preset", PRESETS), ("view", VIEWS), ("mapper", MAPPERS)):
        value = getattr(options, name)
        if value not in choices:
            raise ValueError(f"{name}={value}: choose {_enumerate(choices)}.")
    if options.clip is not None and options.clip not in CLIPS:
        raise ValueError(f"clip={options.clip}: choose {_enumerate(CLIPS)}, or null for none.")
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


def _enumerate(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"
