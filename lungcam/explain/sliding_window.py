"""Windows that slide over a region, and the map that theirs make together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.grid import Grid


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows on a lattice.

    Attributes:
        steps: `(N, 3)` integers, each window's place on the lattice.
        lattice: Where the lattice's points stand: the windows' centres.
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
    """Lay windows whose centres stand in a region, a step apart along its grid's axes.

    Args:
        region: `(W, H, D)` bool.
        grid: Where it stands.
        step_mm: From window to window.

    Raises:
        ValueError: The region is empty, or the step so wide that no centre stands in it.
    """
    inside = np.argwhere(region)
    if not len(inside):
        raise ValueError("There is nothing to look at: the region is empty.")
    low, high = inside.min(axis=0), inside.max(axis=0)
    spacing = np.array(grid.spacing_mm)
    shape = np.floor((high - low) * spacing / step_mm).astype(int) + 1
    # the lattice stands in the middle of the region's box
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
    """Make one map of all windows' maps.

    Where several windows see a place, it gets the mean of what they say of it; a window's middle
    counts most, as there the net has seen all around.

    Args:
        maps: `(w, h, d)` of each window, in the windows' order, all of one shape.
        first: Where the cells of the first window's map stand; the lattice's step must be a
            multiple of theirs.
        windows: The windows.

    Returns:
        The map, 0 where no window looks, and where its cells stand.

    Raises:
        ValueError: Cells of different windows do not stand on one grid.
    """
    stride = np.linalg.solve(first.affine[:3, :3], windows.lattice.affine[:3, :3])
    whole = np.rint(stride)
    if np.abs(stride - whole).max() > 1e-3 or np.abs(whole - np.diag(np.diag(whole))).max():
        raise ValueError("The windows' step is no multiple of the cells' spacing.")
    # the cells may run against the lattice
    offsets = (windows.steps - windows.steps[0]) @ whole.T.astype(int)
    corner = offsets.min(axis=0)
    begins = offsets - corner
    shape = np.array(first.shape)
    tents = [1 - np.abs(np.arange(n) - (n - 1) / 2) / (n / 2 + 0.5) for n in shape]
    tent = np.einsum("i,j,k->ijk", *tents).astype(np.float32)
    total = np.zeros(begins.max(axis=0) + shape, np.float32)
    weight = np.zeros_like(total)
    for begin, one in zip(begins, maps, strict=True):
        box = tuple(slice(b, b + n) for b, n in zip(begin, shape, strict=True))
        total[box] += tent * one
        weight[box] += tent
    affine = first.affine.copy()
    affine[:3, 3] = first.to_world(corner)
    blended = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return blended, Grid(total.shape, affine)
