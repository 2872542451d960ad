"""Whether a nodule's centre lies in its image."""

from collections.abc import Sequence

import numpy as np

from lungcam.grid import Grid
from lungcam.verdict import Finding

# a whole chest is larger along every axis
LARGEST_CROP_MM = 100.0


def is_crop(extent_mm: Sequence[float]) -> bool:
    """Whether an image of this size in mm is too small, along any axis, to show a whole chest."""
    return bool(np.min(extent_mm) < LARGEST_CROP_MM)


def place_center(
    image: Grid, center_mm: Sequence[float] | None
) -> tuple[Sequence[float] | None, list[Finding]]:
    """Decide around which point a nodule is shown.

    A crop was cut around its nodule: where the centre that is told lies outside, its own middle is
    taken instead. In a whole scan nothing tells where the nodule is.

    Args:
        image: The scan's or the crop's grid.
        center_mm: RAS mm, None where unknown.

    Returns:
        RAS mm, None for the image's middle; and the finding `center_outside`, if it is so.

    Raises:
        ValueError: The centre lies outside a whole scan.
    """
    if center_mm is None:
        return None, []
    index = image.to_index(np.asarray(center_mm))
    beyond = np.maximum(-0.5 - index, index - (np.array(image.shape) - 0.5)).clip(0)
    distance = float(np.linalg.norm(beyond * image.spacing_mm))
    # tables round to fractions of a mm
    if distance < 0.01:
        return center_mm, []
    words = f"its centre lies {distance:.1f} mm outside the image"
    if not is_crop(np.multiply(image.shape, image.spacing_mm)):
        raise ValueError(f"{words}; check its coordinates, and whether they are LPS or RAS.")
    return None, [Finding("center_outside", "flagged", f"{words}: the crop's middle is shown", "")]
