"""Fill what the lungs enclose: vessels, nodules, tumours."""

import cc3d
import numpy as np

from lungcam.lungs.box import bounding_box
from lungcam.lungs.layout import as_laid_out, in_memory_order


def fill_axial_slices(
    mask: np.ndarray,
    spacing_mm: tuple[float, float, float],
    largest_cm2: float = np.inf,
) -> np.ndarray:
    """Fill what a mask encloses within each axial slice.

    Args:
        mask: `(W, H, D)` bool, not empty.
        spacing_mm: Voxel spacing in mm.
        largest_cm2: Larger gaps stay, such as the dome of the liver that the lung surrounds.

    Returns:
        `(W, H, D)` bool.
    """
    filled = mask.copy(order="K")
    most = largest_cm2 * 100 / (spacing_mm[0] * spacing_mm[1])
    # a rim of one voxel, where the volume has it, joins what lies outside into one piece
    inner = filled[bounding_box(mask, (1, 1, 0))]
    for k in range(inner.shape[2]):
        layer = inner[:, :, k]
        gaps = cc3d.connected_components(in_memory_order(~layer), connectivity=4)
        sizes = np.bincount(gaps.ravel())
        enclosed = sizes <= most
        enclosed[np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]])] = False
        enclosed[0] = False
        if enclosed.any():
            layer |= as_laid_out(enclosed[gaps], layer)
    return filled
