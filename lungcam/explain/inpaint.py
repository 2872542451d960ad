"""Paint lung over a part of a scan.

Which part of a scan is erased: a lesion, what a map marks, or as much elsewhere.
"""

from collections.abc import Sequence

import cc3d
import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from lungcam.grid import Grid
from lungcam.lungs import dilate
from lungcam.lungs.morphology import bounding_box

# around an annotated lesion: its edge is blurred, and its spicules belong to it
MARGIN_MM = 3.0
# of the map's maximum
HIGHLIGHTED = 0.5
MOST = 3
# as many places are tried for the control, which must lie in the lungs so far
TRIALS, LEAST_WITHIN = 200, 0.9


def sphere(grid: Grid, center_mm: Sequence[float], *, diameter_mm: float) -> np.ndarray:
    """Voxels within a sphere and `MARGIN_MM` around it.

    Args:
        grid: The scan's.
        center_mm: RAS mm.
        diameter_mm: In mm.

    Returns:
        `(W, H, D)` bool.
    """
    # a voxel at the very edge belongs to it, whatever the rounding
    radius = (diameter_mm / 2 + MARGIN_MM) * (1 + 1e-6)
    region = np.zeros(grid.shape, bool)
    center = grid.to_index(np.asarray(center_mm, float))
    reach = radius / np.array(grid.spacing_mm)
    low = np.clip(np.floor(center - reach), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(center + reach) + 1, low, grid.shape).astype(int)
    index = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid.to_world(index) - center_mm, axis=-1)
    region[tuple(map(slice, low, high))] = distance <= radius
    return region


def dilated_mask(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Voxels of a lesion's mask, `(W, H, D)` bool, and `MARGIN_MM` around it."""
    return dilate(mask, grid.spacing_mm, distance_mm=MARGIN_MM)


def highlighted_regions(
    heat: np.ndarray, grid: Grid, *, cell_mm: float, seen: np.ndarray | None = None
) -> list[np.ndarray]:
    """The strongest connected regions above half of a map's maximum, at most three.

    Each is widened by a cell: a map tells where a lesion ends no finer than that, and what is left
    of one at its edge still speaks.

    Args:
        heat: `(W, H, D)` map on the scan's grid.
        grid: The scan's.
        cell_mm: Distance between the map's own cells.
        seen: `(W, H, D)` bool, what of the scan the net is shown; None for all.

    Returns:
        `(W, H, D)` bool each, the one with the highest peak first; none where nothing speaks for
        the positive class.
    """
    if seen is not None:
        heat = np.where(seen, heat, 0)
    top = float(heat.max())
    if not top > 0:
        return []
    labels = cc3d.connected_components(heat > HIGHLIGHTED * top, connectivity=26)
    hot = labels > 0
    peaks = np.zeros(int(labels.max()) + 1)
    np.maximum.at(peaks, labels[hot], heat[hot])
    strongest = [one for one in np.argsort(-peaks, kind="stable")[:MOST] if peaks[one] > 0]
    regions = [dilate(labels == one, grid.spacing_mm, distance_mm=cell_mm) for one in strongest]
    return regions if seen is None else [region & seen for region in regions]


def control_region(
    region: np.ndarray, allowed: np.ndarray, *, avoided: np.ndarray, seed: int = 0
) -> np.ndarray | None:
    """Move a region to a random place: the control of an erasure.

    Args:
        region: `(W, H, D)` bool, not empty.
        allowed: `(W, H, D)` bool, where at least nine tenths of it shall lie, such as the lungs.
        avoided: `(W, H, D)` bool, which it shall not touch, such as all lesions.
        seed: Of the place.

    Returns:
        `(W, H, D)` bool, of the same shape and size; None where no place was found.
    """
    voxels = np.argwhere(region)
    middle = voxels.mean(axis=0).round().astype(int)
    free = np.argwhere(allowed & ~avoided)
    if not len(free):
        return None
    for place in np.random.default_rng(seed).choice(free, TRIALS):
        moved = voxels + (place - middle)
        if (moved < 0).any() or (moved >= region.shape).any():
            continue
        at = tuple(moved.T)
        if allowed[at].mean() >= LEAST_WITHIN and not avoided[at].any():
            found = np.zeros_like(region)
            found[at] = True
            return found
    return None


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


def inpaint(hu: np.ndarray, region: np.ndarray, *, grid: Grid, seed: int = 0) -> np.ndarray:
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
    grain = _grain(values, lung, grid=grid)
    texture = _copied(
        grain, lung, inside=inside, shell=shell, generator=np.random.default_rng(seed)
    )
    painted = hu.copy(order="K")
    painted[box][inside] = np.rint(np.clip(smooth + texture, *AERATED_HU))
    return painted


def _grain(values: np.ndarray, lung: np.ndarray, *, grid: Grid) -> np.ndarray:
    """What the lung's voxels have beside the mean of the lung around them."""
    sigma = COARSE_MM / np.array(grid.spacing_mm)
    weight = gaussian_filter(lung.astype(np.float32), sigma)
    mean = gaussian_filter(np.where(lung, values, 0), sigma) / np.maximum(weight, 1e-6)
    return values - mean


def _copied(
    grain: np.ndarray,
    lung: np.ndarray,
    *,
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
