"""Paint lung over a part of a scan."""

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from lungcam.grid import Grid
from lungcam.lungs.box import bounding_box

# what is lung rather than wall, vessel or nodule
AERATED_HU = (-1024, -600)
# how far around the region the lung's trend is taken from
SHELL_MM = 8.0
# fewer aerated voxels tell nothing of a trend
FEWEST = 50
# what varies more slowly is trend and not texture
COARSE_MM = 4.0
# moves tried for texture to copy
MOVES = 60


def inpaint(hu: np.ndarray, region: np.ndarray, grid: Grid, seed: int = 0) -> np.ndarray:
    """Replace a region by what the lung around it looks like.

    A plane is fitted to the aerated voxels of a shell around the region and goes on within it. On
    it lies texture copied from the lung nearby, in pieces as large as there are, so that grain and
    its correlation between neighbours are the scan's own.

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
    sides_mm = np.array([side.stop - side.start for side in own]) * grid.spacing_mm
    reach_mm = max(2 * SHELL_MM, sides_mm.max())
    box = bounding_box(region, tuple(int(np.ceil(reach_mm / mm)) for mm in grid.spacing_mm))
    inside, values = region[box], hu[box].astype(np.float32)
    lung = ~inside & (values >= AERATED_HU[0]) & (values <= AERATED_HU[1])
    shell = lung & (distance_transform_edt(~inside, grid.spacing_mm) <= SHELL_MM)
    if shell.sum() < FEWEST:
        raise ValueError("there is no lung around the lesion to paint over it.")
    plane = np.stack([np.ones(inside.shape), *np.indices(inside.shape)], axis=-1)
    fitted, *_ = np.linalg.lstsq(plane[shell], values[shell], rcond=None)
    # a plane that is carried far must not leave what the shell looks like
    smooth = np.clip(plane[inside] @ fitted, *np.percentile(values[shell], [10, 90]))
    grain = _grain(values, lung, grid)
    texture = _copied(grain, lung, inside, shell, np.random.default_rng(seed))
    painted = hu.copy(order="K")
    painted[box][inside] = np.rint(np.clip(smooth + texture, *AERATED_HU))
    return painted


def _grain(values: np.ndarray, lung: np.ndarray, grid: Grid) -> np.ndarray:
    """What the lung's voxels have beside the mean of the lung around them."""
    sigma = COARSE_MM / np.array(grid.spacing_mm)
    weight = gaussian_filter(lung.astype(np.float32), sigma)
    mean = gaussian_filter(np.where(lung, values, 0), sigma) / np.maximum(weight, 1e-6)
    return values - mean


def _copied(
    grain: np.ndarray,
    lung: np.ndarray,
    inside: np.ndarray,
    shell: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Texture `(N,)` for the region's voxels: from the moves of it that meet most lung."""
    at = np.argwhere(inside)
    # each brings some voxel of the region onto the lung around it
    moves = generator.choice(np.argwhere(lung), MOVES) - generator.choice(at, MOVES)
    candidates = []
    for move in moves:
        there = at + move
        within = ((there >= 0) & (there < inside.shape)).all(axis=1)
        there = tuple(np.where(within[:, None], there, 0).T)
        candidates.append((there, within & lung[there]))
    # what no move fills has the grain of single voxels
    texture = generator.choice(grain[shell], len(at))
    missing = np.ones(len(at), bool)
    for there, usable in sorted(candidates, key=lambda one: -one[1].sum()):
        fill = usable & missing
        texture[fill] = grain[there][fill]
        missing &= ~fill
    return texture
