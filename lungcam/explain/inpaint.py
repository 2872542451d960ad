"""Paint lung over a part of a scan."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from lungcam.grid import Grid
from lungcam.lungs.box import bounding_box

# what is lung rather than wall, vessel or nodule
AERATED_HU = (-1024, -600)
# how far around the region lung is looked for
SHELL_MM = 8.0
# fewer aerated voxels tell nothing of a trend
FEWEST = 50


def inpaint(hu: np.ndarray, region: np.ndarray, grid: Grid, seed: int = 0) -> np.ndarray:
    """Replace a region by what the lung around it looks like.

    A plane is fitted to the aerated voxels of a shell around the region and goes on within it; the
    texture is what the shell has beside that plane, mirrored at the region's surface, so that grain
    and its correlation between neighbours are the scan's own. Where the mirror shows no lung, as
    beside the chest wall, texture is drawn from the whole shell.

    Args:
        hu: `(W, H, D)` in HU; it is not changed.
        region: `(W, H, D)` bool, not empty.
        grid: Where both stand.
        seed: Of what is drawn.

    Returns:
        A copy, of the same type.

    Raises:
        ValueError: There is no lung around the region.
    """
    own = bounding_box(region)
    sides_mm = [
        (side.stop - side.start) * mm for side, mm in zip(own, grid.spacing_mm, strict=True)
    ]
    reach_mm = max(SHELL_MM, min(sides_mm) / 2)
    box = bounding_box(region, tuple(int(np.ceil(reach_mm / mm)) + 1 for mm in grid.spacing_mm))
    inside, values = region[box], hu[box].astype(np.float32)
    outside_mm = distance_transform_edt(~inside, grid.spacing_mm)
    lung = ~inside & (values >= AERATED_HU[0]) & (values <= AERATED_HU[1])
    shell = lung & (outside_mm <= SHELL_MM)
    if shell.sum() < FEWEST:
        raise ValueError("there is no lung around the lesion to paint over it.")
    plane = np.stack([np.ones(inside.shape), *np.indices(inside.shape)], axis=-1)
    fitted, *_ = np.linalg.lstsq(plane[shell], values[shell], rcond=None)
    trend = plane @ fitted
    # a plane that is carried far must not leave what the shell looks like
    smooth = np.clip(trend[inside], *np.percentile(values[shell], [10, 90]))
    rest, at = values - trend, np.argwhere(inside)
    surface = distance_transform_edt(
        inside, grid.spacing_mm, return_distances=False, return_indices=True
    )[:, inside].T
    mirrored = 2 * surface - at
    within = ((mirrored >= 0) & (mirrored < inside.shape)).all(axis=1)
    mirrored = tuple(np.where(within[:, None], mirrored, 0).T)
    drawn = np.random.default_rng(seed).choice(rest[shell], len(at))
    texture = np.where(within & lung[mirrored], rest[mirrored], drawn)
    painted = hu.copy(order="K")
    painted[box][inside] = np.rint(np.clip(smooth + texture, *AERATED_HU))
    return painted
