"""View of the lungs for the network: grid, masked image, normalisation and faded walls."""

import numpy as np

from lungcam.grid import Grid, resample
from lungcam.lungs.mask import BAY_MM, close
from lungcam.lungs.morphology import bounding_box, from_memory_order, in_memory_order

DISPLAY_HU = (-1200, 600)


def lung_grid(
    lungs: np.ndarray, source: Grid, *, shape: tuple[int, int, int], spacing_mm: float
) -> Grid:
    """Build a grid around the lungs, with axes parallel to the scan's.

    The spacing is the same for every patient, so that a nodule's size is comparable. Only if the
    lungs are larger than the grid is the spacing increased until they fit, equally in all
    directions.

    Args:
        lungs: `(W, H, D)` bool on `source`.
        source: Grid of the scan, in RAS+ order.
        shape: Shape of the new grid in voxels.
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
    """Resample the HU inside the mask; outside is the lungs' mean, which normalises to 0.

    Args:
        hu: `(W, H, D)` HU on `source`.
        lungs: `(W, H, D)` bool, region of the mean.
        mask: `(W, H, D)` bool, voxels to show.
        source: Grid of the three volumes.
        target: Grid to resample to.

    Returns:
        float32 HU on `target`, clipped to the display window so that metal and padding do not
        dominate.
    """
    values = in_memory_order(hu)[in_memory_order(lungs, like=hu)]
    mean = round(float(values.mean(dtype=np.float64)))
    # as far as interpolation at the mask's edge reaches
    reach = np.ceil(np.maximum(1, max(target.spacing_mm) / np.array(source.spacing_mm)))
    box = bounding_box(mask, tuple(reach.astype(int)))
    shown = np.clip(in_memory_order(hu[box]), *DISPLAY_HU)
    np.copyto(shown, mean, where=~in_memory_order(mask[box], like=hu))
    shown = from_memory_order(shown, hu)
    return resample(shown, source.crop(box), target=target, outside=mean)


def zero_centre(volume: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Shift and scale so that the lungs have mean 0 and standard deviation 1.

    Args:
        volume: `(W, H, D)` in HU.
        lungs: `(W, H, D)` bool.

    Returns:
        `(W, H, D)` float32.

    Raises:
        ValueError: The lungs are empty or constant.
    """
    values = volume[lungs].astype(np.float64)
    if values.size == 0 or values.std() == 0:
        raise ValueError("The lungs are empty or hold one value only: nothing to normalise over.")
    return ((volume - values.mean()) / values.std()).astype(np.float32)


def fade_walls(
    values: np.ndarray,
    lungs: np.ndarray,
    *,
    spacing_mm: tuple[float, float, float],
    contrast: float,
) -> np.ndarray:
    """Lower the contrast of everything outside the lungs and their bays.

    A mask that includes tumours at the wall includes the wall too, which is as dense as a nodule
    and a thousand times larger. A closing with a ball of 20 mm separates them: its additions to the
    lungs, such as a nodule at the pleura, keep their contrast.

    Args:
        values: `(W, H, D)`, normalised: the lungs' mean is 0.
        lungs: `(W, H, D)` bool on the same grid.
        spacing_mm: Spacing of that grid in mm.
        contrast: Factor for values elsewhere, 0 to 1; 1 changes nothing.

    Returns:
        `(W, H, D)` float32.
    """
    inner = close(lungs, spacing_mm, radius_mm=BAY_MM)
    return np.where(inner, values, values * np.float32(contrast)).astype(np.float32)
