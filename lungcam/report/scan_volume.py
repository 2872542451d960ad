"""What a page shows of a scan: the chest, in few bytes, and the heat-map where it belongs."""

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
# a page of a noisy scan then stays near 25 MB
MOST_VOXELS = 28_000_000


@dataclass(frozen=True, eq=False)
class ShownScan:
    """A scan as a page shows it.

    Attributes:
        levels: `(W, H, D)` uint8, rows of `LEVELS_HU`.
        grid: Where it stands; with axes along right, front and head (RAS+).
        coarser: Whether voxels are wider than the scan's.
    """

    levels: np.ndarray
    grid: Grid
    coarser: bool


def show_scan(
    hu: np.ndarray,
    scan: Grid,
    *,
    lungs: np.ndarray | None = None,
    chest: bool = True,
    points_mm: Sequence[Sequence[float]] = (),
    most: int = MOST_VOXELS,
) -> ShownScan:
    """Crop a scan to the chest and make it small.

    Args:
        hu: `(W, H, D)` int16 on `scan`.
        scan: With axes along right, front and head (RAS+).
        lungs: `(W, H, D)` bool, where known: what lies more than 15 mm above or below is left out.
        chest: Whether the body is cut out; else the whole volume is shown.
        points_mm: `(N, 3)` RAS mm that stay within, as far as the scan goes.
        most: Voxels at most; where there are more, the finest axes are made coarser.
    """
    box = tuple(slice(0, n) for n in scan.shape)
    if chest:
        box = _body(hu, scan)
        if lungs is not None and lungs.any():
            box = (*box[:2], bounding_box(lungs, _voxels(scan))[2])
        box = _with_points(box, scan, points_mm=np.reshape(np.asarray(points_mm, float), (-1, 3)))
    shown, grid = hu[box], scan.crop(box)
    fewer = _coarser(grid, most)
    if fewer is not grid:
        shown = resample(shown, grid, target=fewer, outside=LEVELS_HU[0])
        shown = np.rint(shown).astype(np.int16)
    return ShownScan(to_levels(shown), fewer, fewer is not grid)


def to_levels(hu: np.ndarray) -> np.ndarray:
    """The nearest of `LEVELS_HU` for int16 HU of any shape, as uint8."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    nearest = np.searchsorted((LEVELS_HU[1:] + LEVELS_HU[:-1]) / 2, every).astype(np.uint8)
    return nearest[np.asarray(hu, np.int16).view(np.uint16)]


def steps(levels: np.ndarray) -> np.ndarray:
    """Differences from voxel to voxel, the first axis fastest: they compress a quarter better.

    Args:
        levels: `(W, H, D)` uint8.

    Returns:
        `(W * H * D,)` uint8; its running sum, modulo 256, gives the levels back.
    """
    return np.diff(levels.ravel(order="F"), prepend=np.uint8(0))


def cells_on(heat: HeatMap, grid: Grid) -> tuple[np.ndarray, list[float], list[float]]:
    """Turn a heat-map's cells to a grid's axes, for a page to interpolate.

    Linear interpolation between what is given, and 0 beyond it, makes `heat.on(grid)`. Along an
    axis on which cells are finer than the grid, which asks for means, the map is put on the grid.

    Args:
        heat: The map.
        grid: With axes parallel to the cells'.

    Returns:
        `(w, h, d)` values, and for each axis start and step: voxel i stands at the fractional cell
        `start + step * i`.
    """
    between = np.linalg.solve(heat.cells.affine, grid.affine)
    axis_of = np.argmax(np.abs(between[:3, :3]), axis=0)
    values = heat.values.transpose(axis_of)
    start = [float(between[at, 3]) for at in axis_of]
    step = [float(between[at, axis]) for axis, at in enumerate(axis_of)]
    shape, affine = list(values.shape), np.eye(4)
    for axis in range(3):
        if abs(step[axis]) > 1:
            centers = start[axis] + step[axis] * np.arange(grid.shape[axis])
            reached = (centers >= -0.5 - 1e-6) & (centers <= shape[axis] - 0.5 + 1e-6)
            first = int(np.argmax(reached))
            affine[axis, axis], affine[axis, 3] = step[axis], centers[first]
            shape[axis] = max(1, int(reached.sum()))
            start[axis], step[axis] = -float(first), 1.0
    own, mixed = Grid(values.shape, np.eye(4)), Grid(tuple(shape), affine)
    return resample(values, own, target=mixed), start, step


def _voxels(scan: Grid) -> tuple[int, int, int]:
    x, y, z = np.ceil(MARGIN_MM / np.array(scan.spacing_mm)).astype(int)
    return int(x), int(y), int(z)


def _body(hu: np.ndarray, scan: Grid) -> tuple[slice, slice, slice]:
    """Box of the largest thing denser than air, looked at in every fourth row and column."""
    every = 4
    pieces, count = ndimage.label(hu[::every, ::every] > BODY_HU)
    if not count:
        return tuple(slice(0, n) for n in scan.shape)
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    box = []
    for axis, side in enumerate(bounding_box(largest)):
        step = every if axis < 2 else 1
        margin = _voxels(scan)[axis] // 2
        start = max(0, side.start * step - margin)
        box.append(slice(start, min(scan.shape[axis], side.stop * step + margin)))
    return tuple(box)


def _with_points(box: Sequence[slice], scan: Grid, *, points_mm: np.ndarray) -> tuple[slice, ...]:
    """Widen a box until it holds points, or ends with the scan."""
    if not len(points_mm):
        return tuple(box)
    index = np.clip(np.rint(scan.to_index(points_mm)), 0, np.array(scan.shape) - 1).astype(int)
    return tuple(
        slice(min(side.start, int(low)), max(side.stop, int(high) + 1))
        for side, low, high in zip(box, index.min(axis=0), index.max(axis=0), strict=True)
    )


def _coarser(grid: Grid, most: int) -> Grid:
    """The same box with wider voxels along the finest axes, until there are few enough."""
    size, spacing = np.array(grid.shape), np.array(grid.spacing_mm)

    def shape(least_mm: float) -> np.ndarray:
        return np.maximum(1, np.floor(size * spacing / np.maximum(spacing, least_mm) + 1e-9))

    if np.prod(size) <= most:
        return grid
    low, high = float(spacing.min()), float(np.max(size * spacing))
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if np.prod(shape(middle)) > most else (low, middle)
    fewer = shape(high)
    factor = size / fewer
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * factor
    affine[:3, 3] = grid.to_world((factor - 1) / 2)
    return Grid(tuple(int(n) for n in fewer), affine)
