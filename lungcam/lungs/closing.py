"""Closing in mm: what is attached to the wall comes back."""

import numpy as np

from lungcam.grid import Grid, resample
from lungcam.lungs.box import bounding_box
from lungcam.lungs.dilation import dilate

WORKING_SPACING_MM = 3.0
# just half counts as in, whatever the order of summation makes of its last bit
HALF = 0.5 - 1e-5
# radius that tells a lesion's bay from the bays between heart, spine and dome
BAY_MM = 20.0


def close(mask: np.ndarray, spacing_mm: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    """Fill the bays of a mask that a ball of a given radius cannot enter from outside.

    A threshold takes a nodule at the chest wall for wall and leaves a bay in the lungs; closing
    fills it. Worked out on a grid of 3 mm, since a bay worth filling is larger, and in mm, so that
    slice thickness does not matter.

    Args:
        mask: `(W, H, D)` bool, not empty.
        spacing_mm: Voxel spacing in mm.
        radius_mm: Radius of the ball in mm.

    Returns:
        `(W, H, D)` bool: the mask and its bays.
    """
    source = Grid(mask.shape, np.diag([*spacing_mm, 1.0]))
    box = bounding_box(mask)
    step = np.maximum(WORKING_SPACING_MM, spacing_mm)
    # the margin keeps the ball's centre within the working grid
    low = np.array([side.start - 0.5 for side in box]) * spacing_mm - radius_mm - step
    high = np.array([side.stop - 0.5 for side in box]) * spacing_mm + radius_mm + step
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low + step / 2
    working = Grid(tuple(int(n) for n in np.ceil((high - low) / step)), affine)
    coarse = resample(mask, source, working) >= HALF
    spacing = tuple(float(mm) for mm in step)
    closed = ~dilate(~dilate(coarse, spacing, radius_mm), spacing, radius_mm)
    result = mask.copy(order="K")
    result[box] |= resample(closed, working, source.crop(box)) >= HALF
    return result
