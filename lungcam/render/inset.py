"""Inset of a picture: the axial slice through the heat-map's peak, in which its tissue is seen.

In the volume heat glows through whatever holds it; the slice shows the tissue itself.
"""

import numpy as np
from PIL import Image, ImageDraw

from lungcam.heat_colors import FIRE, slice_colors

# side of the square in mm, and its share of the picture's side
FIELD_MM = 60.0
SHARE = 0.2
LEFT, TOP = 0.02, 0.09
# smaller pictures have no room for it
LEAST_PIXELS = 300
# level and width of the lung window, in HU
LEVEL_HU, WIDTH_HU = -600.0, 1500.0
# of the heat: the tissue is seen through it
OPACITY = 0.45
FRAME_RGB = (158, 166, 179)


def add_inset(
    picture: np.ndarray,
    hu: np.ndarray,
    *,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
    colormap: str = FIRE,
) -> np.ndarray:
    """Draw the slice through the peak into the upper left corner of a picture.

    Args:
        picture: `(H, W, 3)` uint8.
        hu: `(W, H, D)` scan in HU, its axes along the patient's right, front and head (RAS+).
        heat: `(W, H, D)`, at least 0, or None.
        spacing_mm: Size of a voxel along each axis.
        colormap: Name of the heat's colours, see `lungcam.heat_colors`.

    Returns:
        The picture with the inset; unchanged without heat or room.
    """
    height, width = picture.shape[:2]
    if heat is None or not heat.max() > 0 or min(height, width) < LEAST_PIXELS:
        return picture
    side = round(SHARE * min(height, width))
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    columns, rows = (
        _indices(hu.shape[axis], peak[axis], spacing_mm=spacing_mm[axis], count=side)
        for axis in (0, 1)
    )
    tissue = _plane(hu[:, :, peak[2]], columns, rows=rows, outside=-1024)
    share = _plane(heat[:, :, peak[2]], columns, rows=rows, outside=0) / heat.max()
    grey = np.clip((tissue - LEVEL_HU) / WIDTH_HU + 0.5, 0, 1)[..., None]
    colors = slice_colors(colormap)[np.rint(255 * share).astype(int)]
    alpha = OPACITY * colors[..., 3:]
    square = np.rint(255 * (grey + alpha * (colors[..., :3] - grey))).astype(np.uint8)
    whole = Image.fromarray(picture)
    left, top = round(LEFT * width), round(TOP * height)
    whole.paste(Image.fromarray(square), (left, top))
    pen = ImageDraw.Draw(whole)
    pen.rectangle((left - 1, top - 1, left + side, top + side), outline=FRAME_RGB)
    pen.text((left, top + side + 2), f"axial, {FIELD_MM:.0f} mm wide", fill=FRAME_RGB)
    return np.asarray(whole)


def _indices(size: int, middle: int, *, spacing_mm: float, count: int) -> np.ndarray:
    """Return the nearest voxel at each of `count` pixels around the middle; -1 outside."""
    offsets = (np.arange(count) + 0.5) / count - 0.5
    index = np.rint(middle + offsets * FIELD_MM / spacing_mm).astype(int)
    return np.where((index >= 0) & (index < size), index, -1)


def _plane(
    plane: np.ndarray, columns: np.ndarray, *, rows: np.ndarray, outside: float
) -> np.ndarray:
    """Return a plane with the patient's right on the left and the front at the top."""
    picked = plane[np.ix_(columns, rows)].T.astype(np.float32)
    picked[(rows < 0)[:, None] | (columns < 0)] = outside
    return picked[::-1, ::-1]
