"""The recipe as a user would write it with SciPy and scikit-image."""

import numpy as np
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import ball

THRESHOLD_HU = -350
MARGIN_MM = 4.0
SECOND_LUNG_SHARE = 0.1
STEP_MM = 1.0


def plain_input(
    volume: np.ndarray, spacing_mm: tuple[float, float, float], size: int = 128
) -> np.ndarray:
    """Mask the lungs, crop and normalise them.

    Args:
        volume: `(D, H, W)` int16 HU.
        spacing_mm: Spacing in mm, in the same order.
        size: Side of the cube.

    Returns:
        `(size, size, size)` float32.
    """
    fine, mask = _mask(volume, spacing_mm, STEP_MM)
    box = ndimage.find_objects(mask.view(np.uint8))[0]
    values, inside = fine[box].astype(np.float32), mask[box]
    values = (values - values[inside].mean()) / values[inside].std()
    values[~inside] = 0
    return ndimage.zoom(values, size / np.array(values.shape))


def plain_mask(
    volume: np.ndarray, spacing_mm: tuple[float, float, float], step_mm: float
) -> np.ndarray:
    """Make the mask of the recipe on the scan's voxels.

    Args:
        volume: `(D, H, W)` int16 HU.
        spacing_mm: Spacing in mm, in the same order.
        step_mm: Spacing at which the mask is computed.

    Returns:
        `(D, H, W)` bool, empty where no lungs are found.
    """
    _, mask = _mask(volume, spacing_mm, step_mm)
    # as in `zoom`, the first and last voxels of both grids coincide
    back = [
        np.rint(np.linspace(0, fine - 1, coarse)).astype(int)
        for fine, coarse in zip(mask.shape, volume.shape, strict=True)
    ]
    return mask[np.ix_(*back)]


def _mask(
    volume: np.ndarray, spacing_mm: tuple[float, float, float], step_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the volume at `step_mm`, and its mask."""
    fine = ndimage.zoom(volume, np.array(spacing_mm) / step_mm)
    pockets = label(fine < THRESHOLD_HU, connectivity=1)
    sizes = np.bincount(pockets.ravel())
    sizes[0] = 0
    # not the first and last slices: the airway reaches them, and if it joined the lungs
    # they would be removed
    for side in (pockets[:, 0], pockets[:, -1], pockets[:, :, 0], pockets[:, :, -1]):
        sizes[np.unique(side)] = 0
    largest, second = np.argsort(-sizes)[:2]
    mask = (pockets == largest) & bool(sizes[largest])
    if sizes[second] > SECOND_LUNG_SHARE * sizes[largest]:
        mask |= pockets == second
    for k in range(len(mask)):
        mask[k] = ndimage.binary_fill_holes(mask[k])
    return fine, ndimage.binary_dilation(mask, ball(round(MARGIN_MM / step_mm)))
