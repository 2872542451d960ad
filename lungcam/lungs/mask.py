"""Lung masks for the network: `recipe`, `closed` and `cavity`.

The thoracic cavity also holds lesions at the chest wall and between the lungs; a closing in mm
brings lesions at the wall back into the lungs.
"""

from dataclasses import dataclass

import numpy as np

from lungcam.grid import Grid, resample
from lungcam.lungs.morphology import (
    blank_mask,
    bounding_box,
    copy_in_memory_order,
    dilate,
    fill_axial_slices,
)
from lungcam.lungs.segment import air, lung_pockets, trachea

MASKS = ("recipe", "closed", "cavity")
# radius that distinguishes a lesion's bay from the bays between heart, spine and diaphragm
BAY_MM = 20.0
SLAB_MM = 10.0
# number of directions in which the convex hull is computed
DIRECTIONS = 128
WORKING_SPACING_MM = 3.0
# exactly half counts as inside, whatever rounding does to the last bit
HALF = 0.5 - 1e-5


def lung_mask(
    hu: np.ndarray,
    spacing_mm: tuple[float, float, float],
    *,
    kind: str = "cavity",
    threshold: float = -350,
    margin_mm: float = 4.0,
) -> np.ndarray:
    """Compute a lung mask from a scan.

    Args:
        hu: `(W, H, D)` volume in HU, in RAS+ order.
        spacing_mm: Voxel spacing in mm, in the same order.
        kind: `recipe`, `closed` or `cavity`; see `mask_around`.
        threshold: Upper limit of air in HU.
        margin_mm: Margin around the lungs in mm.

    Returns:
        `(W, H, D)` bool.

    Raises:
        ValueError: No lungs are found, or there is no such mask.

    Examples:
        >>> scan = read_scan("path/to/dicom_folder")
        >>> canonical = scan.grid.canonical
        >>> hu = reorient(scan.hu, scan.grid, target=canonical)
        >>> mask = lung_mask(hu, canonical.spacing_mm)
    """
    pockets = lung_pockets(air(hu, threshold), hu, spacing_mm=spacing_mm)
    airway = trachea(pockets, hu, spacing_mm=spacing_mm)
    # the airway is a part of the pockets
    pockets ^= airway
    return mask_around(pockets, airway, spacing_mm=spacing_mm, kind=kind, margin_mm=margin_mm)


def mask_around(
    lungs: np.ndarray,
    airway: np.ndarray,
    *,
    spacing_mm: tuple[float, float, float],
    kind: str = "cavity",
    margin_mm: float = 4.0,
) -> np.ndarray:
    """Compute a mask around the lungs.

    `recipe`: the lungs and the trachea, filled in each axial slice and dilated. `closed`: the same
    after a closing with a ball of 20 mm, which includes lesions at the wall. `cavity`: the convex
    hull of both lungs, slice by slice, with all that lies between them.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order, not empty.
        airway: `(W, H, D)` bool, the trachea; `cavity` excludes its part above the lungs.
        spacing_mm: Voxel spacing in mm.
        kind: Name of the mask, from `MASKS`.
        margin_mm: Width of the margin in mm.

    Returns:
        `(W, H, D)` bool; it contains `lungs`.

    Raises:
        ValueError: There is no such mask.
    """
    if kind not in MASKS:
        raise ValueError(f"lungs.mask={kind}: choose {', '.join(MASKS)}.")
    if kind == "cavity":
        return cavity(lungs, spacing_mm, margin_mm=margin_mm, slab_mm=SLAB_MM)
    mask = fill_axial_slices(lungs | airway, spacing_mm)
    if kind == "closed":
        mask = close(mask, spacing_mm, radius_mm=BAY_MM)
    return dilate(mask, spacing_mm, distance_mm=margin_mm)


def cavity(
    lungs: np.ndarray,
    spacing_mm: tuple[float, float, float],
    *,
    margin_mm: float = 4.0,
    slab_mm: float = 10.0,
) -> np.ndarray:
    """Compute the convex hull of both lungs, slice by slice, with a margin.

    The hull of an axial slice is that of the lungs in this slice and in the slices within `slab_mm`
    above and below, so that a tumour that fills a lung's cross-section does not shorten the hull.
    A hull is stored as its support function, the extent in each of `DIRECTIONS` directions: a
    margin is added to it, and the union of two hulls is the maximum (Rockafellar, Convex Analysis,
    1970, §13). Between two directions it may be wider than the hull, by 1.2 % of the length of a
    flat side.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order, not empty.
        spacing_mm: Voxel spacing in mm.
        margin_mm: Distance by which the hull is widened, in all directions.
        slab_mm: Distance above and below a slice within which lungs count.

    Returns:
        `(W, H, D)` bool; it contains `lungs`.
    """
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    directions[np.abs(directions) < 1e-9] = 0
    extents = _widen(
        _extents(lungs, directions, spacing_mm=spacing_mm),
        spacing_mm[2],
        margin_mm=margin_mm,
        slab_mm=slab_mm,
    )
    slices = np.flatnonzero(extents[0] > -np.inf)
    limits = _row_limits(
        extents[:, slices], directions, shape=lungs.shape[:2], spacing_mm=spacing_mm[:2]
    )
    mask = blank_mask(lungs)
    columns = np.arange(mask.shape[0], dtype=np.int32)
    rows = mask
    if mask.strides[0] < 0:
        rows, columns = mask[::-1], columns[::-1].copy()
    for k, first, last in zip(slices, limits.first, limits.last, strict=True):
        within = rows[:, limits.rows, k].T
        np.logical_and(columns >= first[:, None], columns <= last[:, None], out=within)
    return mask


def _extents(
    lungs: np.ndarray, directions: np.ndarray, *, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """Compute the support function of each slice: `(n, D)` in mm, -inf for an empty slice."""
    box = bounding_box(lungs)
    left, right, filled = _row_ends(lungs[box])
    # a point for each end of each row, slice by slice
    k, j = np.nonzero(filled.T)
    left = (left[j, k] + box[0].start) * spacing_mm[0]
    right = (right[j, k] + box[0].start) * spacing_mm[0]
    y = (j + box[1].start) * spacing_mm[1]
    slices, begin = np.unique(k, return_index=True)
    extents = np.full((len(directions), lungs.shape[2]), -np.inf)
    for extent, (dx, dy) in zip(extents, directions, strict=True):
        reach = (right if dx > 0 else left) * dx + y * dy
        extent[slices + box[2].start] = np.maximum.reduceat(reach, begin)
    return extents


def _row_ends(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first and last voxel of each row along the first axis, and whether there is any.

    Returns:
        Three `(H, D)` arrays; in an empty row the voxels have no meaning.
    """
    backwards = mask.strides[0] < 0
    rows = np.moveaxis(mask[::-1] if backwards else mask, 0, -1)
    first = rows.argmax(axis=-1)
    # the last bit of the last byte that has one
    bits = np.packbits(rows, axis=-1, bitorder="little")
    byte = bits.shape[-1] - 1 - (bits != 0)[..., ::-1].argmax(axis=-1)
    ends = np.take_along_axis(bits, byte[..., None], axis=-1)[..., 0]
    last = 8 * byte + np.frexp(ends)[1] - 1
    if backwards:
        first, last = mask.shape[0] - 1 - last, mask.shape[0] - 1 - first
    return first, last, ends != 0


def _widen(
    extents: np.ndarray, spacing_mm: float, *, margin_mm: float, slab_mm: float
) -> np.ndarray:
    """Unite each slice's hull with its neighbours' and widen it as a ball of `margin_mm` does."""
    united = extents + margin_mm
    for steps in range(1, int(max(margin_mm, slab_mm) / spacing_mm + 1e-6) + 1):
        reach = np.sqrt(max(margin_mm**2 - (steps * spacing_mm) ** 2, 0.0))
        np.maximum(united[:, steps:], extents[:, :-steps] + reach, out=united[:, steps:])
        np.maximum(united[:, :-steps], extents[:, steps:] + reach, out=united[:, :-steps])
    return united


@dataclass(frozen=True, eq=False)
class _RowLimits:
    """First and last voxel of each row in some slices.

    Attributes:
        rows: Rows that are not empty in all slices.
        first: `(n, rows)` int32.
        last: `(n, rows)` int32, less than `first` in an empty row.
    """

    rows: slice
    first: np.ndarray
    last: np.ndarray


def _row_limits(
    extents: np.ndarray,
    directions: np.ndarray,
    *,
    shape: tuple[int, int],
    spacing_mm: tuple[float, float],
) -> _RowLimits:
    """Compute the limits of the rows in the slices of `extents`, `(directions, n)`."""
    up, down = (extents[directions[:, 1] == dy].max() for dy in (1, -1))
    rows = slice(
        max(int(np.floor(-down / spacing_mm[1])) - 1, 0),
        min(int(np.ceil(up / spacing_mm[1])) + 2, shape[1]),
    )
    y = np.arange(rows.start, rows.stop) * spacing_mm[1]
    low = np.full((extents.shape[1], y.size), -np.inf)
    high = np.full(low.shape, np.inf)
    for (dx, dy), extent in zip(directions, extents[:, :, None], strict=True):
        if dx > 0:
            np.minimum(high, (extent - y * dy) / dx, out=high)
        elif dx < 0:
            np.maximum(low, (extent - y * dy) / dx, out=low)
        else:
            high[y * dy > extent + 1e-6] = -np.inf
    first = np.ceil(np.clip(low / spacing_mm[0] - 1e-6, 0, shape[0]))
    last = np.floor(np.clip(high / spacing_mm[0] + 1e-6, -1, shape[0] - 1))
    return _RowLimits(rows, first.astype(np.int32), last.astype(np.int32))


def close(
    mask: np.ndarray, spacing_mm: tuple[float, float, float], *, radius_mm: float
) -> np.ndarray:
    """Fill the bays of a mask that a ball of a given radius cannot enter from outside.

    A threshold counts a nodule at the chest wall as wall and leaves a bay in the lungs; closing
    fills it. It is computed on a grid of 3 mm, as relevant bays are larger, and in mm, so that
    slice thickness does not matter.

    Args:
        mask: `(W, H, D)` bool, not empty.
        spacing_mm: Voxel spacing in mm.
        radius_mm: Radius of the ball in mm.

    Returns:
        `(W, H, D)` bool: the mask and its bays.
    """
    source = Grid(mask.shape, np.diag([*spacing_mm, 1.0]))
    box = bounding_box(mask)
    step = np.maximum(WORKING_SPACING_MM, spacing_mm)
    # the margin keeps the ball's centre within the working grid
    low = np.array([side.start - 0.5 for side in box]) * spacing_mm - radius_mm - step
    high = np.array([side.stop - 0.5 for side in box]) * spacing_mm + radius_mm + step
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low + step / 2
    working = Grid(tuple(int(n) for n in np.ceil((high - low) / step)), affine)
    coarse = resample(mask, source, target=working, box=box) >= HALF
    spacing = tuple(float(mm) for mm in step)
    dilated = dilate(coarse, spacing, distance_mm=radius_mm)
    closed = ~dilate(~dilated, spacing, distance_mm=radius_mm)
    result = copy_in_memory_order(mask)
    result[box] |= resample(closed, working, target=source.crop(box)) >= HALF
    return result
