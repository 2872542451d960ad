"""The pictures of one scan's heat-map."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lungcam.render import RenderError, render_volume, save_png


def write_pictures(
    folder: Path,
    hu: np.ndarray,
    lungs: np.ndarray,
    heat: np.ndarray,
    spacing_mm: Sequence[float],
    heat_name: str,
    mark: str | None,
) -> list[str]:
    """Render and save; a machine without OpenGL costs the pictures only.

    Args:
        folder: Where `render.png` goes.
        hu: `(W, H, D)` in HU, along right, front and head (RAS+).
        lungs: `(W, H, D)` bool.
        heat: `(W, H, D)`, signed.
        spacing_mm: Of the voxels.
        heat_name: What the colour bar calls the heat-map.
        mark: A warning that stands in every picture.

    Returns:
        What the user should know.
    """
    # what speaks the other way is in the volume alone
    heat = np.maximum(heat, 0)
    try:
        named = {"heat_name": heat_name, "mark": mark}
        picture = render_volume(hu, lungs, heat, tuple(spacing_mm), **named)
        save_png(folder / "render.png", picture)
    except RenderError as error:
        return [str(error)]
    return []
