"""Sliding windows over a region, and the map blended from theirs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.grid import Grid


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows on a lattice.

    Attributes:
        steps: `(N, 3)` integers, the lattice index of each window.
        lattice: Grid of the windows' centres.
    """

    steps: np.ndarray
    lattice: Grid

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def centers_mm(self) -> np.ndarray:
        """`(N, 3)` RAS mm."""
        return self.lattice.to_world(self.steps)


def place_windows(region: np.ndarray, grid: Grid, *, step_mm: float) -> Windows:
    """Place windows with their centres in a region, a step apart along its grid's axes.

    Args:
        region: `(W, H, D)` bool.
        grid: Grid of the region.
        step_mm: Distance of neighbouring windows.

    Raises:
        ValueError: The region is empty, or the step so wide that no centre lies in it.
    """
    if not region.any():
        raise ValueError("There is nothing to look at: the region is empty.")
    planes = [np.flatnonzero(region.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    low, high = (np.array([inside[end] for inside in planes]) for end in (0, -1))
    spacing = np.array(grid.spacing_mm)
    shape = np.floor((high - low) * spacing / step_mm).astype(int) + 1
    # the lattice is centred in the region's box
    start = (low + high) / 2 - (shape - 1) / 2 * step_mm / spacing
    affine = grid.affine @ np.diag([*(step_mm / spacing), 1.0])
    affine[:3, 3] = grid.to_world(start)
    lattice = Grid(tuple(int(n) for n in shape), affine)
    steps = np.indices(lattice.shape).reshape(3, -1).T
    nearest = np.rint(grid.to_index(lattice.to_world(steps))).astype(int)
    steps = steps[region[tuple(nearest.T)]]
    if not len(steps):
        raise ValueError(f"No window of a step of {step_mm} mm has its centre in the region.")
    return Windows(steps, lattice)


def blend(maps: Sequence[np.ndarray], first: Grid, *, windows: Windows) -> tuple[np.ndarray, Grid]:
    """Blend the maps of all windows into one.

    Where windows overlap, a cell gets the weighted mean of their values; a window's middle weighs
    most, as there the net has seen all around.

    Args:
        maps: `(w, h, d)` of each window, in the windows' order, all of one shape.
        first: Grid of the cells of the first window's map; the lattice's step must be a multiple
            of their spacing.
        windows: The windows.

    Returns:
        The map, 0 outside all windows, and the grid of its cells.

    Raises:
        ValueError: Cells of different windows do not lie on one grid.
    """
    stride = np.linalg.solve(first.affine[:3, :3], windows.lattice.affine[:3, :3])
    cell_stride = np.rint(stride)
    off_axis = cell_stride - np.diag(np.diag(cell_stride))
    if np.abs(stride - cell_stride).max() > 1e-3 or np.abs(off_axis).max():
        raise ValueError("The windows' step is no multiple of the cells' spacing.")
    # the cells may run against the lattice
    offsets = (windows.steps - windows.steps[0]) @ cell_stride.T.astype(int)
    corner = offsets.min(axis=0)
    starts = offsets - corner
    shape = np.array(first.shape)
    tents = [1 - np.abs(np.arange(n) - (n - 1) / 2) / (n / 2 + 0.5) for n in shape]
    tent = np.einsum("i,j,k->ijk", *tents).astype(np.float32)
    total = np.zeros(starts.max(axis=0) + shape, np.float32)
    weight = np.zeros_like(total)
    for start, values in zip(starts, maps, strict=True):
        box = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
        total[box] += tent * values
        weight[box] += tent
    affine = first.affine.copy()
    affine[:3, 3] = first.to_world(corner)
    blended = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return blended, Grid(total.shape, affine)
