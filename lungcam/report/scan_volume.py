"""Scan and heat-map as a page stores them: the chest in few bytes, and the heat-map's cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lungcam.explain import HeatMap
from lungcam.grid import Grid, resample
from lungcam.lungs.morphology import bounding_box

# HU of the 256 grey levels: every 4 HU where organs differ, coarser where noise hides a step
LEVELS_HU = np.r_[-1024:-200:10, -200:240:4, 240:1500:20]
MARGIN_MM = 15.0
BODY_HU = -300
# rows and columns are subsampled to find the body
BODY_STRIDE = 4
# keeps the page of a noisy scan near 25 MB
MAX_VOXELS = 28_000_000


@dataclass(frozen=True, eq=False)
class ReducedScan:
    """Scan reduced for a page.

    Attributes:
        levels: `(W, H, D)` uint8, indices into `LEVELS_HU`.
        grid: Grid of the levels, with axes along right, front and head (RAS+).
        coarser: True if voxels are wider than the scan's.
    """

    levels: np.ndarray
    grid: Grid
    coarser: bool


def reduce_scan(
    hu: np.ndarray,
    scan: Grid,
    *,
    lungs: np.ndarray | None = None,
    chest: bool = True,
    points_mm: Sequence[Sequence[float]] = (),
    max_voxels: int = MAX_VOXELS,
) -> ReducedScan:
    """Crop a scan to the chest and reduce it for a page.

    Args:
        hu: `(W, H, D)` int16 on `scan`.
        scan: Grid with axes along right, front and head (RAS+).
        lungs: `(W, H, D)` bool, if known; slices more than 15 mm above or below are left out.
        chest: Crop to the body; otherwise the whole volume is shown.
        points_mm: `(N, 3)` points in RAS mm that stay in the crop, if they lie in the scan.
        max_voxels: Largest number of voxels; beyond it the finest axes are made coarser.
    """
    box = tuple(slice(0, n) for n in scan.shape)
    if chest:
        box = _body_box(hu, scan)
        if lungs is not None and lungs.any():
            box = (*box[:2], bounding_box(lungs, _margin_voxels(scan))[2])
        points_mm = np.reshape(np.asarray(points_mm, float), (-1, 3))
        box = _extend_to_points(box, scan, points_mm=points_mm)
    hu, grid = hu[box], scan.crop(box)
    target = _coarsen(grid, max_voxels)
    if target is not grid:
        hu = resample(hu, grid, target=target, outside=LEVELS_HU[0])
        hu = np.rint(hu).astype(np.int16)
    return ReducedScan(to_levels(hu), target, target is not grid)


def to_levels(hu: np.ndarray) -> np.ndarray:
    """Return the nearest of `LEVELS_HU` for int16 HU of any shape, as uint8."""
    every_hu = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    nearest = np.searchsorted((LEVELS_HU[1:] + LEVELS_HU[:-1]) / 2, every_hu).astype(np.uint8)
    return nearest[np.asarray(hu, np.int16).view(np.uint16)]


def to_differences(levels: np.ndarray) -> np.ndarray:
    """Return differences from voxel to voxel, which compress a quarter better than levels.

    Args:
        levels: `(W, H, D)` uint8.

    Returns:
        `(W * H * D,)` uint8, the first axis fastest; the running sum modulo 256 gives the levels.
    """
    return np.diff(levels.ravel(order="F"), prepend=np.uint8(0))


def cells_on(heat: HeatMap, grid: Grid) -> tuple[np.ndarray, list[float], list[float]]:
    """Reorder a heat-map's cells to a grid's axes, for a page to interpolate.

    Linear interpolation between the cells, and 0 beyond them, gives `heat.on(grid)`. Along an axis
    with cells finer than the grid, where `heat.on` averages, the map is resampled to the grid.

    Args:
        heat: The map.
        grid: Grid with axes parallel to the cells'.

    Returns:
        `(w, h, d)` values, and start and step for each axis: voxel i has the fractional cell index
        `start + step * i`.
    """
    cells_from_grid = np.linalg.solve(heat.cells.affine, grid.affine)
    axis_of = np.argmax(np.abs(cells_from_grid[:3, :3]), axis=0)
    values = heat.values.transpose(axis_of)
    start = [float(cells_from_grid[row, 3]) for row in axis_of]
    step = [float(cells_from_grid[row, axis]) for axis, row in enumerate(axis_of)]
    shape, affine = list(values.shape), np.eye(4)
    for axis in range(3):
        if abs(step[axis]) > 1:
            centers = start[axis] + step[axis] * np.arange(grid.shape[axis])
            inside = (centers >= -0.5 - 1e-6) & (centers <= shape[axis] - 0.5 + 1e-6)
            first = int(np.argmax(inside))
            affine[axis, axis], affine[axis, 3] = step[axis], centers[first]
            shape[axis] = max(1, int(inside.sum()))
            start[axis], step[axis] = -float(first), 1.0
    source, target = Grid(values.shape, np.eye(4)), Grid(tuple(shape), affine)
    return resample(values, source, target=target), start, step


def _margin_voxels(scan: Grid) -> tuple[int, int, int]:
    x, y, z = np.ceil(MARGIN_MM / np.array(scan.spacing_mm)).astype(int)
    return int(x), int(y), int(z)


def _body_box(hu: np.ndarray, scan: Grid) -> tuple[slice, slice, slice]:
    """Return the box of the largest object denser than air, with a margin."""
    objects, count = ndimage.label(hu[::BODY_STRIDE, ::BODY_STRIDE] > BODY_HU)
    if not count:
        return tuple(slice(0, n) for n in scan.shape)
    largest = objects == np.bincount(objects.ravel())[1:].argmax() + 1
    box = []
    for axis, side in enumerate(bounding_box(largest)):
        stride = BODY_STRIDE if axis < 2 else 1
        margin = _margin_voxels(scan)[axis] // 2
        start = max(0, side.start * stride - margin)
        box.append(slice(start, min(scan.shape[axis], side.stop * stride + margin)))
    return tuple(box)


def _extend_to_points(
    box: Sequence[slice], scan: Grid, *, points_mm: np.ndarray
) -> tuple[slice, ...]:
    """Extend a box to hold points, up to the end of the scan."""
    if not len(points_mm):
        return tuple(box)
    index = np.clip(np.rint(scan.to_index(points_mm)), 0, np.array(scan.shape) - 1).astype(int)
    return tuple(
        slice(min(side.start, int(low)), max(side.stop, int(high) + 1))
        for side, low, high in zip(box, index.min(axis=0), index.max(axis=0), strict=True)
    )


def _coarsen(grid: Grid, max_voxels: int) -> Grid:
    """Widen the voxels along the finest axes of the same box, until there are few enough."""
    size, spacing = np.array(grid.shape), np.array(grid.spacing_mm)

    def shape_at(min_mm: float) -> np.ndarray:
        return np.maximum(1, np.floor(size * spacing / np.maximum(spacing, min_mm) + 1e-9))

    if np.prod(size) <= max_voxels:
        return grid
    low, high = float(spacing.min()), float(np.max(size * spacing))
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if np.prod(shape_at(middle)) > max_voxels else (low, middle)
    shape = shape_at(high)
    factor = size / shape
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * factor
    affine[:3, 3] = grid.to_world((factor - 1) / 2)
    return Grid(tuple(int(n) for n in shape), affine)
