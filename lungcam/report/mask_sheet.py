"""A sheet of thumbnails: a cohort's lung masks at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lungcam.runtime.atomic import atomic_write

COLUMNS = 5
CAPTION = 28  # pixels below a picture
FLAGGED_RGB, PLAIN_RGB = (255, 90, 80), (200, 200, 200)
# larger sheets are slow to open: the flagged ones come first
MOST = 400


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One picture of the sheet.

    Attributes:
        name: Stands below it.
        picture: `(h, w, 3)` uint8, of the same size in the whole sheet.
        flags: What is odd about it; such a picture has a red frame.
    """

    name: str
    picture: np.ndarray
    flags: Sequence[str] = ()


def write_sheet(file: Path, thumbnails: Sequence[Thumbnail]) -> None:
    """Write a PNG of many thumbnails, the flagged ones first.

    Args:
        file: Ends in .png.
        thumbnails: At least one; beyond 400 the rest is left out.
    """
    ordered = sorted(thumbnails, key=lambda one: not one.flags)[:MOST]
    height, width = ordered[0].picture.shape[:2]
    columns = min(COLUMNS, len(ordered))
    rows = -(-len(ordered) // columns)
    sheet = Image.new("RGB", (columns * (width + 4), rows * (height + CAPTION + 4)))
    draw = ImageDraw.Draw(sheet)
    for i, one in enumerate(ordered):
        x, y = i % columns * (width + 4) + 2, i // columns * (height + CAPTION + 4) + 2
        sheet.paste(Image.fromarray(one.picture), (x, y))
        colour = FLAGGED_RGB if one.flags else PLAIN_RGB
        if one.flags:
            draw.rectangle((x - 1, y - 1, x + width, y + height), outline=colour)
        draw.text((x + 2, y + height + 1), one.name[: width // 6], fill=colour)
        draw.text((x + 2, y + height + 13), ", ".join(one.flags)[: width // 6], fill=colour)
    with atomic_write(file) as temporary:
        sheet.save(temporary)
