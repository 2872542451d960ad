"""The recipe as a user would write it with SciPy and scikit-image."""

import numpy as np
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import ball

THRESHOLD_HU = -350
MARGIN_MM = 4.0
SECOND_LUNG_SHARE = 0.1


def plain_input(
    volume: np.ndarray, spacing_mm: tuple[float, float, float], size: int = 128
) -> np.ndarray:
    """Mask the lungs, crop and normalise them.

    Args:
        volume: `(D, H, W)` int16 HU.
        spacing_mm: In the same order.
        size: Of the cube.

    Returns:
        `(size, size, size)` float32.
    """
    fine, mask = _mask(volume, spacing_mm, 1.0)
    box = ndimage.find_objects(mask.view(np.uint8))[0]
    values, inside = fine[box].astype(np.float32), mask[box]
    values = (values - values[inside].mean()) / values[inside].std()
    values[~inside] = 0
    return ndimage.zoom(values, size / np.array(values.shape))


def plain_mask(
    volume: np.ndarray, spacing_mm: tuple[float, float, float], step_mm: float = 1.0
) -> np.ndarray:
    """Make the recipe's mask and bring it back to the scan's voxels.

    Args:
        volume: `(D, H, W)` int16 HU.
        spacing_mm: In the same order.
        step_mm: Spacing that the mask is made at.

    Returns:
        `(D, H, W)` bool, empty where no lungs are found.
    """
    _, mask = _mask(volume, spacing_mm, step_mm)
    # as `zoom` does, the first and the last voxel of both grids lie on each other
    back = [
        np.rint(np.linspace(0, fine - 1, coarse)).astype(int)
        for fine, coarse in zip(mask.shape, volume.shape, strict=True)
    ]
    return mask[np.ix_(*back)]


def _mask(
    volume: np.ndarray, spacing_mm: tuple[float, float, float], step_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """The volume at `step_mm`, and its mask."""
    fine = ndimage.zoom(volume, np.array(spacing_mm) / step_mm)
    pockets = label(fine < THRESHOLD_HU, connectivity=1)
    sizes = np.bincount(pockets.ravel())
    sizes[0] = 0
    # not the first and the last slice: the airway reaches them, and where it joins the lungs
    # they would be dropped
    for side in (pockets[:, 0], pockets[:, -1], pockets[:, :, 0], pockets[:, :, -1]):
        sizes[np.unique(side)] = 0
    largest, second = np.argsort(-sizes)[:2]
    mask = (pockets == largest) & bool(sizes[largest])
    if sizes[second] > SECOND_LUNG_SHARE * sizes[largest]:
        mask |= pockets == second
    for k in range(len(mask)):
        mask[k] = ndimage.binary_fill_holes(mask[k])
    return fine, ndimage.binary_dilation(mask, ball(round(MARGIN_MM / step_mm)))
