"""Page with the lung masks of a cohort: three slices each, the flagged ones first."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lungcam.lungs.thumbnail import PIXEL_MM
from lungcam.report.page import Html, data_url, join, tag, write_page
from lungcam.report.summary_page import summary_page

# larger pages are slow to open; flagged masks come first
MAX_THUMBNAILS = 400
# of JPEG: outlines stay sharp, and a picture has a fifth of the size of its PNG
QUALITY = 88
NOTE = (
    "Axial and coronal slice through the middle of the lungs, and sagittal slice through the right "
    "one; the patient's right, or the front, is on the left. Blue: the lungs. Yellow: the mask "
    f"around them that the net sees. One pixel is {PIXEL_MM:g} mm."
)


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """Picture of a mask.

    Attributes:
        name: Name of the scan.
        picture: `(h, w, 3)` uint8.
        flags: Findings on the mask; a flagged picture has a red frame.
    """

    name: str
    picture: np.ndarray
    flags: Sequence[str] = ()


def write_mask_page(file: Path, thumbnails: Sequence[Thumbnail]) -> None:
    """Write a page of many masks, the flagged ones first.

    Args:
        file: HTML file.
        thumbnails: At least one; those after the 400th are left out.
    """
    ordered = sorted(thumbnails, key=lambda thumbnail: not thumbnail.flags)
    shown, left_out = ordered[:MAX_THUMBNAILS], len(ordered[MAX_THUMBNAILS:])
    flagged = [thumbnail for thumbnail in shown if thumbnail.flags]
    plain = [thumbnail for thumbnail in shown if not thumbnail.flags]
    more = Html()
    if left_out:
        more = tag("<p>$text</p>", text=f"{left_out} further masks are left out.")
    sections = [
        ("flagged", f"To be looked at: {len(flagged)}", _grid(flagged)),
        ("plain", f"Without a finding: {len(plain)}", join([_grid(plain), more])),
    ]
    write_page(file, summary_page("Lung masks", "masks of a cohort", sections=sections, note=NOTE))


def _grid(thumbnails: Sequence[Thumbnail]) -> Html:
    """Make the pictures with their names; empty markup for none."""
    if not thumbnails:
        return Html()
    return tag(
        '<div class="masks">$figures</div>',
        figures=join(
            tag(
                '<figure class="$kind"><img loading="lazy" src="$source" alt="$text">'
                "<figcaption><b>$name</b> $flags</figcaption></figure>",
                kind="flagged" if thumbnail.flags else "plain",
                source=_picture(thumbnail.picture),
                text=f"Slices with the outlines of the lungs of {thumbnail.name}",
                name=thumbnail.name,
                flags=", ".join(flag.replace("_", " ") for flag in thumbnail.flags),
            )
            for thumbnail in thumbnails
        ),
    )


def _picture(picture: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "jpeg", quality=QUALITY, subsampling=0)
    return data_url(stream.getvalue(), kind="jpeg")
