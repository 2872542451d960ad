"""How a picture looks: choices by name, refused in one line before any work.

How pictures look, from the configuration.
"""

from collections.abc import Mapping, Sequence
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
"""Planes that cut the volume open, and the axis that each stands across."""

MAPPERS = ("auto", "software", "hardware")
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


def check_options(look: RenderOptions) -> None:
    """Refuse a look that cannot be drawn.

    Raises:
        ValueError: In one line that begins with the field and its value, 'view=frontal: ...'.
    """
    for name, known in (("preset", PRESETS), ("view", VIEWS), ("mapper", MAPPERS)):
        if getattr(look, name) not in known:
            raise ValueError(f"{name}={getattr(look, name)}: choose {_or(tuple(known))}.")
    if look.clip is not None and look.clip not in CLIPS:
        raise ValueError(f"clip={look.clip}: choose {_or(tuple(CLIPS))}, or null for none.")
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


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


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
