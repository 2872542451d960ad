"""What the network is shown of the lungs: a grid of fixed size in mm."""

import numpy as np

from lungcam.grid import Grid, resample
from lungcam.lungs.box import bounding_box

DISPLAY_HU = (-1200, 600)


def lung_grid(
    lungs: np.ndarray, source: Grid, shape: tuple[int, int, int], spacing_mm: float
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
    hu: np.ndarray, lungs: np.ndarray, mask: np.ndarray, source: Grid, target: Grid
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
    return resample(shown, source.crop(box), target, outside=mean)
