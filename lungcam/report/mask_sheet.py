"""Sheet of thumbnails that shows the lung masks of a cohort at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lungcam.runtime.atomic import atomic_write

COLUMNS = 5
CAPTION_HEIGHT = 28  # pixels below a picture
FLAGGED_RGB, PLAIN_RGB = (255, 90, 80), (200, 200, 200)
# larger sheets are slow to open; flagged thumbnails come first
MAX_THUMBNAILS = 400


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """Thumbnail of a sheet.

    Attributes:
        name: Caption below the picture.
        picture: `(h, w, 3)` uint8, of the same size in the whole sheet.
        flags: Findings on the mask; a flagged picture has a red frame.
    """

    name: str
    picture: np.ndarray
    flags: Sequence[str] = ()


def write_sheet(file: Path, thumbnails: Sequence[Thumbnail]) -> None:
    """Write a PNG of many thumbnails, the flagged ones first.

    Args:
        file: PNG file.
        thumbnails: At least one; those after the 400th are left out.
    """
    ordered = sorted(thumbnails, key=lambda thumbnail: not thumbnail.flags)[:MAX_THUMBNAILS]
    height, width = ordered[0].picture.shape[:2]
    columns = min(COLUMNS, len(ordered))
    rows = -(-len(ordered) // columns)
    sheet = Image.new("RGB", (columns * (width + 4), rows * (height + CAPTION_HEIGHT + 4)))
    draw = ImageDraw.Draw(sheet)
    for i, thumbnail in enumerate(ordered):
        x = i % columns * (width + 4) + 2
        y = i // columns * (height + CAPTION_HEIGHT + 4) + 2
        sheet.paste(Image.fromarray(thumbnail.picture), (x, y))
        colour = FLAGGED_RGB if thumbnail.flags else PLAIN_RGB
        if thumbnail.flags:
            draw.rectangle((x - 1, y - 1, x + width, y + height), outline=colour)
        draw.text((x + 2, y + height + 1), thumbnail.name[: width // 6], fill=colour)
        draw.text((x + 2, y + height + 13), ", ".join(thumbnail.flags)[: width // 6], fill=colour)
    with atomic_write(file) as temporary:
        sheet.save(temporary)
