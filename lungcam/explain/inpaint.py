"""Erasure of a part of a scan: regions to erase, controls, and lung painted over them."""

from collections.abc import Sequence

import cc3d
import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from lungcam.grid import Grid
from lungcam.lungs import dilate
from lungcam.lungs.morphology import bounding_box

# around an annotated lesion: its edge is blurred, and its spicules belong to it
MARGIN_MM = 3.0
# share of the map's maximum
HIGHLIGHT_LEVEL = 0.5
MAX_REGIONS = 3
# places to try for the control, and the least share of it that must lie in the lungs
PLACEMENT_TRIALS, MIN_ALLOWED_SHARE = 200, 0.9
# lung rather than wall, vessel or nodule
AERATED_HU = (-1024, -600)
# distance around the region from which the lung's trend is estimated
SHELL_MM = 8.0
# fewer aerated voxels do not determine a trend
MIN_SHELL_VOXELS = 50
# scale above which variation is trend and not texture
COARSE_MM = 4.0
# moves to try for texture to copy
MOVES = 60


def sphere(grid: Grid, center_mm: Sequence[float], *, diameter_mm: float) -> np.ndarray:
    """Return the voxels within a sphere and `MARGIN_MM` around it.

    Args:
        grid: Grid of the scan.
        center_mm: RAS mm.
        diameter_mm: In mm.

    Returns:
        `(W, H, D)` bool.
    """
    # a voxel at the very edge belongs to it, despite rounding
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
    """Return the voxels of a lesion's mask, `(W, H, D)` bool, and `MARGIN_MM` around it."""
    return dilate(mask, grid.spacing_mm, distance_mm=MARGIN_MM)


def highlighted_regions(
    heat: np.ndarray, grid: Grid, *, cell_mm: float, seen: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the strongest connected regions above half of a map's maximum, at most three.

    Each is dilated by a cell: a map resolves the edge of a lesion no finer than that, and what
    remains of a lesion at its edge still counts as evidence.

    Args:
        heat: `(W, H, D)` map on the scan's grid.
        grid: Grid of the scan.
        cell_mm: Distance between the map's own cells.
        seen: `(W, H, D)` bool, the part of the scan that the net receives; None for all.

    Returns:
        `(W, H, D)` bool each, the one with the highest peak first; empty where nothing speaks for
        the positive class.
    """
    if seen is not None:
        heat = np.where(seen, heat, 0)
    top = float(heat.max())
    if not top > 0:
        return []
    labels = cc3d.connected_components(heat > HIGHLIGHT_LEVEL * top, connectivity=26)
    hot = labels > 0
    peaks = np.zeros(int(labels.max()) + 1)
    np.maximum.at(peaks, labels[hot], heat[hot])
    order = np.argsort(-peaks, kind="stable")[:MAX_REGIONS]
    strongest = [label for label in order if peaks[label] > 0]
    regions = [dilate(labels == label, grid.spacing_mm, distance_mm=cell_mm) for label in strongest]
    return regions if seen is None else [region & seen for region in regions]


def control_region(
    region: np.ndarray, allowed: np.ndarray, *, avoided: np.ndarray, seed: int = 0
) -> np.ndarray | None:
    """Move a region to a random place: the control of an erasure.

    Args:
        region: `(W, H, D)` bool, not empty.
        allowed: `(W, H, D)` bool, such as the lungs; at least nine tenths of the result lie in it.
        avoided: `(W, H, D)` bool, such as all lesions; the result does not touch it.
        seed: Seed of the place.

    Returns:
        `(W, H, D)` bool, of the same shape and size; None where no place fits.
    """
    voxels = np.argwhere(region)
    center = voxels.mean(axis=0).round().astype(int)
    free = np.argwhere(allowed & ~avoided)
    if not len(free):
        return None
    for place in np.random.default_rng(seed).choice(free, PLACEMENT_TRIALS):
        moved = voxels + (place - center)
        if (moved < 0).any() or (moved >= region.shape).any():
            continue
        index = tuple(moved.T)
        if allowed[index].mean() >= MIN_ALLOWED_SHARE and not avoided[index].any():
            control = np.zeros_like(region)
            control[index] = True
            return control
    return None


def inpaint(hu: np.ndarray, region: np.ndarray, *, grid: Grid, seed: int = 0) -> np.ndarray:
    """Replace a region by lung like that around it.

    A plane is fitted to the aerated voxels of a shell around the region and continued within it.
    Texture copied from the lung nearby is added, in pieces as large as possible, so that grain and
    its correlation between neighbours are the scan's own.

    Args:
        hu: `(W, H, D)` in HU; it is not changed.
        region: `(W, H, D)` bool, not empty.
        grid: Grid of both.
        seed: Seed of the random draws.

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
    if shell.sum() < MIN_SHELL_VOXELS:
        raise ValueError("there is no lung around the lesion to paint over it.")
    plane = np.stack([np.ones(inside.shape), *np.indices(inside.shape)], axis=-1)
    fitted, *_ = np.linalg.lstsq(plane[shell], values[shell], rcond=None)
    # a plane that is carried far must not leave the range of the shell
    smooth = np.clip(plane[inside] @ fitted, *np.percentile(values[shell], [10, 90]))
    grain = _grain(values, lung, grid=grid)
    texture = _copied_texture(
        grain, lung, inside=inside, shell=shell, generator=np.random.default_rng(seed)
    )
    painted = hu.copy(order="K")
    painted[box][inside] = np.rint(np.clip(smooth + texture, *AERATED_HU))
    return painted


def _grain(values: np.ndarray, lung: np.ndarray, *, grid: Grid) -> np.ndarray:
    """Return the difference of each voxel from the mean of the lung around it."""
    sigma = COARSE_MM / np.array(grid.spacing_mm)
    weight = gaussian_filter(lung.astype(np.float32), sigma)
    mean = gaussian_filter(np.where(lung, values, 0), sigma) / np.maximum(weight, 1e-6)
    return values - mean


def _copied_texture(
    grain: np.ndarray,
    lung: np.ndarray,
    *,
    inside: np.ndarray,
    shell: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return texture `(N,)` for the region's voxels, from the moves of it that meet most lung."""
    voxels = np.argwhere(inside)
    # each brings some voxel of the region onto the lung around it
    moves = generator.choice(np.argwhere(lung), MOVES) - generator.choice(voxels, MOVES)
    candidates = []
    for move in moves:
        moved = voxels + move
        in_box = ((moved >= 0) & (moved < inside.shape)).all(axis=1)
        index = tuple(np.where(in_box[:, None], moved, 0).T)
        candidates.append((index, in_box & lung[index]))
    # voxels that no move fills get the grain of single voxels
    texture = generator.choice(grain[shell], len(voxels))
    missing = np.ones(len(voxels), bool)
    for index, usable in sorted(candidates, key=lambda candidate: -candidate[1].sum()):
        fill = usable & missing
        texture[fill] = grain[index][fill]
        missing &= ~fill
    return texture
