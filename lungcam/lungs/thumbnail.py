"""Thumbnail of a lung mask: three slices with the outlines of the lungs and of the mask."""

import numpy as np
from scipy import ndimage

from lungcam.lungs.morphology import bounding_box
from lungcam.lungs.view import DISPLAY_HU

VIEW_SHAPE = (176, 176)  # rows and columns of each of the three views
PIXEL_MM = 2.25
LUNGS_RGB, MASK_RGB = (0, 220, 255), (255, 210, 0)


def thumbnail(
    hu: np.ndarray, lungs: np.ndarray, *, mask: np.ndarray, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """Draw an axial, a coronal and a sagittal slice with both outlines.

    The first two lie in the lungs' middle, the third halfway between it and their right end.

    The patient's right is on the left, as in radiology; in the sagittal slice the front. The lungs'
    outline is blue, the mask's yellow. Only the voxels that become pixels are read.

    Args:
        hu: `(W, H, D)` HU in RAS+ order.
        lungs: `(W, H, D)` bool, not empty.
        mask: `(W, H, D)` bool.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `(176, 528, 3)` uint8.
    """
    box = bounding_box(lungs)
    middle = [(side.start + side.stop - 1) // 2 for side in box]
    # the middle of the chest holds no lung
    right = (box[0].start + 3 * (box[0].stop - 1)) // 4
    planes = {
        (0, 1): np.s_[:, :, middle[2]],
        (0, 2): np.s_[:, middle[1]],
        (1, 2): np.s_[right],
    }
    views = []
    for axes, plane in planes.items():
        columns, rows = (
            _pixel_indices(hu.shape[axis], middle[axis], spacing_mm=spacing_mm[axis], count=count)
            for axis, count in zip(axes, VIEW_SHAPE[::-1], strict=True)
        )
        # rows run downwards: from anterior to posterior, and from head to foot
        picture, *outlined = (
            _pick(volume[plane], columns, rows=rows[::-1]) for volume in (hu, lungs, mask)
        )
        low, high = DISPLAY_HU
        grey = (np.clip(picture, low, high) - low) * (255 / (high - low))
        view = np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
        for region, colour in zip(outlined, (LUNGS_RGB, MASK_RGB), strict=True):
            view[region & ~ndimage.binary_erosion(region)] = colour
        # in RAS+ order the axes run to the patient's right and front, shown on the left
        views.append(view[:, ::-1])
    return np.concatenate(views, axis=1)


def _pixel_indices(size: int, middle: int, *, spacing_mm: float, count: int) -> np.ndarray:
    """Return voxel indices `PIXEL_MM` apart around the middle; -1 outside the volume."""
    index = np.rint(middle + (np.arange(count) - count / 2) * PIXEL_MM / spacing_mm).astype(int)
    return np.where((index >= 0) & (index < size), index, -1)


def _pick(plane: np.ndarray, columns: np.ndarray, *, rows: np.ndarray) -> np.ndarray:
    """Return `plane[column, row]` as a picture; outside the volume it has the lowest value."""
    picked = plane[np.ix_(columns, rows)].T.copy()
    picked[(rows < 0)[:, None] | (columns < 0)] = DISPLAY_HU[0] if plane.dtype != bool else False
    return picked
