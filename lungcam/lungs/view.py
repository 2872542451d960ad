"""What the network is shown of the lungs: a grid of fixed size in mm.

Walls shown paler than what stands in the lungs.

Zero-centring and normalisation over the lungs.
"""

import numpy as np

from lungcam.grid import Grid, resample
from lungcam.lungs.mask import BAY_MM, close
from lungcam.lungs.morphology import bounding_box


def fade_walls(
    values: np.ndarray,
    lungs: np.ndarray,
    *,
    spacing_mm: tuple[float, float, float],
    contrast: float,
) -> np.ndarray:
    """Lower the contrast of what lies neither in the lungs nor in a bay of them.

    A mask that keeps tumours at the wall shows the wall too, which is as dense as a nodule and a
    thousand times larger. A closing with a ball of 20 mm tells them apart: what it adds to the
    lungs, such as a nodule at the pleura, keeps its contrast.

    Args:
        values: `(W, H, D)`, normalised: the lungs' mean is 0.
        lungs: `(W, H, D)` bool on the same grid.
        spacing_mm: Spacing of that grid in mm.
        contrast: What values elsewhere are multiplied by, 0 to 1; 1 leaves all as it is.

    Returns:
        `(W, H, D)` float32.
    """
    inner = close(lungs, spacing_mm, radius_mm=BAY_MM)
    return np.where(inner, values, values * np.float32(contrast)).astype(np.float32)


def zero_centre(volume: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Shift and scale so that the lungs have mean 0 and standard deviation 1.

    Args:
        volume: `(W, H, D)` in HU.
        lungs: `(W, H, D)` bool.

    Returns:
        `(W, H, D)` float32.

    Raises:
        ValueError: The lungs are empty or of one value.
    """
    values = volume[lungs].astype(np.float64)
    if values.size == 0 or values.std() == 0:
        raise ValueError("The lungs are empty or hold one value only: nothing to normalise over.")
    return ((volume - values.mean()) / values.std()).astype(np.float32)


DISPLAY_HU = (-1200, 600)


def lung_grid(
    lungs: np.ndarray, source: Grid, *, shape: tuple[int, int, int], spacing_mm: float
) -> Grid:
    """Lay a grid around the lungs, its axes along the scan's.

    The spacing is the same in every patient, so that a nodule's size means the same in each; only
    where the lungs are larger than the grid is it widened until they fit, the same in all
    directions.

    Args:
        lungs: `(W, H, D)` bool on `source`.
        source: The scan's grid, in RAS+ order.
        shape: Voxels of the new grid.
        spacing_mm: Spacing of the new grid in mm.

    Returns:
        The grid, centred on the lungs' bounding box.
    """
    box = bounding_box(lungs)
    low = np.array([side.start - 0.5 for side in box])
    high = np.array([side.stop - 0.5 for side in box])
    extent_mm = (high - low) * source.spacing_mm
    spacing = max(spacing_mm, float(np.max(extent_mm / shape)))
    directions = source.affine[:3, :3] / source.spacing_mm
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    center = source.to_world((low + high) / 2)
    affine[:3, 3] = center - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return Grid(tuple(shape), affine)


def show_masked(
    hu: np.ndarray, lungs: np.ndarray, *, mask: np.ndarray, source: Grid, target: Grid
) -> np.ndarray:
    """Resample what lies in the mask; all else becomes the lungs' mean, which normalises to 0.

    Args:
        hu: `(W, H, D)` HU on `source`.
        lungs: `(W, H, D)` bool, over which the mean is taken.
        mask: `(W, H, D)` bool, what may be shown.
        source: Grid of the three volumes.
        target: Grid to fill.

    Returns:
        float32 HU on `target`, clipped to the display window so that metal and padding do not
        dominate.
    """
    within = bounding_box(lungs)
    mean = round(float(np.mean(hu[within], where=lungs[within], dtype=np.float64)))
    # as far as a target voxel at the mask's edge takes its mean from
    reach = np.ceil(np.maximum(1, max(target.spacing_mm) / np.array(source.spacing_mm)))
    box = bounding_box(mask, tuple(reach.astype(int)))
    shown = np.clip(hu[box], *DISPLAY_HU)
    np.copyto(shown, mean, where=~mask[box])
    return resample(shown, source.crop(box), target=target, outside=mean)
