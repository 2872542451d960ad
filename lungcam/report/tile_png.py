"""A sample's slices as one small PNG."""

import io

import numpy as np
from PIL import Image, ImageDraw

from lungcam.report.montage import HU_WINDOW, Tile, heat_colours
from lungcam.report.slices import Slice

SIDE, GAP = 300, 6  # pixels
LESION = (91, 227, 255)


def tile_png(tile: Tile, top: float) -> bytes:
    """Draw the axial slice alone, the same with the heat, and the coronal slice with it.

    Args:
        tile: The slices.
        top: The heat that has the brightest colour; the same in all tiles that are compared.
    """
    sheet = Image.new("RGB", (3 * SIDE + 2 * GAP, SIDE))
    for place, (one, heat) in enumerate(
        ((tile.axial, False), (tile.axial, True), (tile.coronal, True))
    ):
        picture = _draw(one, top if heat else None)
        x = place * (SIDE + GAP) + (SIDE - picture.width) // 2
        sheet.paste(picture, (x, (SIDE - picture.height) // 2))
    stream = io.BytesIO()
    sheet.save(stream, "png")
    return stream.getvalue()


def _draw(one: Slice, top: float | None) -> Image.Image:
    low, high = HU_WINDOW
    grey = np.clip((one.hu - low) / (high - low), 0, 1)[..., None].repeat(3, axis=2)
    if top is not None:
        colours = heat_colours()(np.clip(one.heat / (top if top > 0 else 1.0), 0, 1))
        grey += colours[..., 3:] * (colours[..., :3] - grey)
    picture = Image.fromarray(np.rint(255 * grey).astype(np.uint8))
    scale = SIDE / max(picture.size)
    picture = picture.resize([max(1, round(n * scale)) for n in picture.size], Image.BILINEAR)
    if one.lesion is not None:
        x, y = ((n + 0.5) * scale for n in one.lesion[:2])
        radius = one.lesion[2] * scale
        box = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(picture).ellipse(box, outline=LESION)
    return picture
