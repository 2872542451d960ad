"""A small picture of a lung mask, by which a person sees whether it is right."""

import numpy as np
from scipy import ndimage

from lungcam.lungs.box import bounding_box
from lungcam.lungs.view import DISPLAY_HU

SIZE = (128, 128)  # rows and columns of each of the two views
MM = 3.0
LUNGS_RGB, MASK_RGB = (0, 220, 255), (255, 210, 0)


def thumbnail(
    hu: np.ndarray, lungs: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """Draw an axial and a coronal slice through the lungs' middle with both outlines.

    The person's right is on the left, as radiologists look at it. The lungs' outline is blue, the
    mask's yellow.

    Args:
        hu: `(W, H, D)` HU in RAS+ order.
        lungs: `(W, H, D)` bool, not empty.
        mask: `(W, H, D)` bool.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `(128, 256, 3)` uint8.
    """
    middle = [(side.start + side.stop - 1) // 2 for side in bounding_box(lungs)]
    views = []
    for across, down in ((0, 1), (0, 2)):
        fixed = 3 - across - down
        planes = [np.take(one, middle[fixed], axis=fixed) for one in (hu, lungs, mask)]
        columns, rows = (
            _indices(planes[0].shape[i], middle[axis], spacing_mm[axis], SIZE[1 - i])
            for i, axis in enumerate((across, down))
        )
        # rows run downwards: from front to back, and from head to foot
        picture, *outlined = (_pick(plane, columns, rows[::-1]) for plane in planes)
        low, high = DISPLAY_HU
        grey = (np.clip(picture, low, high) - low) * (255 / (high - low))
        view = np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
        for one, colour in zip(outlined, (LUNGS_RGB, MASK_RGB), strict=True):
            view[one.astype(bool) & ~ndimage.binary_erosion(one)] = colour
        # in RAS+ order the first axis grows to the person's right, which a radiologist has left
        views.append(view[:, ::-1])
    return np.concatenate(views, axis=1)


def _indices(size: int, middle: int, spacing_mm: float, count: int) -> np.ndarray:
    """Voxels of an axis at `MM` apart, around the middle; -1 beyond the volume."""
    at = np.rint(middle + (np.arange(count) - count / 2) * MM / spacing_mm).astype(int)
    return np.where((at >= 0) & (at < size), at, -1)


def _pick(plane: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`plane[column, row]` as a picture; what lies beyond the volume is its lowest value."""
    picked = plane[np.ix_(columns, rows)].T.copy()
    picked[(rows < 0)[:, None] | (columns < 0)] = DISPLAY_HU[0] if plane.dtype != bool else False
    return picked
