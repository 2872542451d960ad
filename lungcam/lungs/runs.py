"""Runs: a mask as the intervals of its rows, which are labelled and filled as a whole.

A CT has a hundred to two hundred voxels for each run of air. Labels for runs take a fraction of the
time and memory of labels for voxels.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

# voxels that are read at once, so that they stay in the processor's cache
CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of voxels along the rows of a stack of slices, in their order.

    Positions count voxels from row to row and from slice to slice. A row has one position more than
    voxels, so that no run is followed by that of the next row at once.

    Attributes:
        start: `(n,)` int64 position of the first voxel of each run.
        stop: `(n,)` int64 position after the last voxel.
        shape: Number of slices, of rows in each, and of voxels in a row.
    """

    start: np.ndarray
    stop: np.ndarray
    shape: tuple[int, int, int]

    @property
    def row(self) -> np.ndarray:
        """Row of each run, counted from slice to slice."""
        return self.start // (self.shape[2] + 1)

    @property
    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """First column of each run, and the column after the last."""
        begin = self.row * (self.shape[2] + 1)
        return self.start - begin, self.stop - begin

    def __getitem__(self, chosen: np.ndarray) -> "Runs":
        """Return some of the runs, in their order."""
        return Runs(self.start[chosen], self.stop[chosen], self.shape)


def find_runs(mask: np.ndarray, without: np.ndarray | bool = False) -> Runs:
    """Find the runs of a mask.

    Args:
        mask: `(slices, rows, columns)` bool; fastest if its voxels lie in this order.
        without: `(rows, columns)` bool, voxels of each slice that do not count.
    """
    count, rows, width = mask.shape
    step = max(1, CHUNK // (rows * width))
    # ends each row with a voxel outside
    padded = np.zeros((step, rows, width + 1), bool)
    edges = []
    for k in range(0, count, step):
        part = mask[k : k + step]
        inside = padded[: len(part)]
        np.greater(part, without, out=inside[:, :, :-1])
        flat = inside.reshape(-1)
        if flat[0]:
            edges.append([k * rows * (width + 1)])
        edges.append(np.flatnonzero(flat[1:] != flat[:-1]) + (k * rows * (width + 1) + 1))
    start, stop = np.concatenate(edges).astype(np.int64).reshape(-1, 2).T.copy()
    return Runs(start, stop, mask.shape)


def label_runs(runs: Runs, *, across_slices: bool = True) -> np.ndarray:
    """Label the connected components of runs; voxels are connected by their faces.

    Args:
        runs: The runs.
        across_slices: False to label each slice by itself.

    Returns:
        `(n,)` labels from 0, in the order of each component's first run.
    """
    if not runs.start.size:
        return np.zeros(0, int)
    _, rows, width = runs.shape
    low, count = _overlaps(runs, width + 1)
    count[runs.row % rows == rows - 1] = 0
    if across_slices:
        below = _overlaps(runs, rows * (width + 1))
        low, count = (
            np.column_stack(pair).ravel() for pair in zip((low, count), below, strict=True)
        )
    ends = np.cumsum(count)
    neighbours = np.arange(ends[-1]) + np.repeat(low - (ends - count), count)
    pointers = np.concatenate([[0], ends[1::2] if across_slices else ends])
    shape = (runs.start.size, runs.start.size)
    graph = csr_array((np.ones(neighbours.size), neighbours, pointers), shape=shape)
    return connected_components(graph, directed=False)[1]


def _overlaps(runs: Runs, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first run that overlaps each run after a shift, and the number of such runs."""
    low = np.searchsorted(runs.stop, runs.start + offset, side="right")
    high = np.searchsorted(runs.start, runs.stop + offset, side="left")
    return low, high - low


def fill_gaps(runs: Runs, largest: float) -> Runs:
    """Fill the gaps that runs enclose within their slice.

    Args:
        runs: The runs.
        largest: Number of voxels of the largest gap to fill.
    """
    slices, rows, width = runs.shape
    row, (first, last) = runs.row, runs.columns
    before = np.flatnonzero(row[1:] == row[:-1])
    if not before.size:
        return runs
    gaps = Runs(runs.stop[before], runs.start[before + 1], runs.shape)
    # extent of each row; an empty one ends before it begins
    begin, end = np.full(slices * rows, width), np.zeros(slices * rows, int)
    begin[row[::-1]] = first[::-1]
    end[row] = last
    gap_row, (gap_first, gap_last) = gaps.row, gaps.columns
    at_top, at_bottom = gap_row % rows == 0, gap_row % rows == rows - 1
    is_open = at_top | at_bottom
    for neighbour in (gap_row - ~at_top, gap_row + ~at_bottom):
        is_open |= (gap_first < begin[neighbour]) | (gap_last > end[neighbour])
    labels = label_runs(gaps, across_slices=False)
    sizes = np.bincount(labels, weights=gap_last - gap_first)
    enclosed = (np.bincount(labels, weights=is_open) == 0) & (sizes <= largest)
    filled = before[enclosed[labels]]
    return Runs(np.delete(runs.start, filled + 1), np.delete(runs.stop, filled), runs.shape)


def sample_runs(
    runs: Runs, first: tuple[int, int, int], *, steps: tuple[int, int, int]
) -> tuple[Runs, np.ndarray]:
    """Sample every nth voxel along each axis.

    Args:
        runs: The runs.
        first: First voxel that is sampled along each axis, less than the step.
        steps: Distance of the voxels that are sampled.

    Returns:
        The runs on the coarse grid, and which of the given runs they come from.
    """
    shape = tuple(
        -((begin - size) // step)
        for size, begin, step in zip(runs.shape, first, steps, strict=True)
    )
    k, j = np.divmod(runs.row, runs.shape[1])
    start, stop = (-((first[2] - column) // steps[2]) for column in runs.columns)
    hit = (k % steps[0] == first[0]) & (j % steps[1] == first[1]) & (start < stop)
    kept = np.flatnonzero(hit)
    begin = (k[kept] // steps[0] * shape[1] + j[kept] // steps[1]) * (shape[2] + 1)
    return Runs(begin + start[kept], begin + stop[kept], shape), kept


def paint_runs(runs: Runs, values: np.ndarray) -> np.ndarray:
    """Make a volume of runs.

    Args:
        runs: The runs.
        values: `(n,)`, the value of each run.

    Returns:
        `(slices, rows, columns)` of the values' type, 0 outside the runs.
    """
    row = runs.row
    # positions without the one that ends each row
    edges = np.column_stack([runs.start - row, runs.stop - row]).ravel()
    lengths = np.diff(edges, prepend=0, append=math.prod(runs.shape))
    alternating = np.zeros(lengths.size, values.dtype)
    alternating[1::2] = values
    return np.repeat(alternating, lengths).reshape(runs.shape)
