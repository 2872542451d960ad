"""Tapering tubes, drawn each within its own box.

Unevenness of tissue: clouds some centimetres wide.
"""

from collections.abc import Callable, Sequence

import numpy as np

from lungcam.phantom.scanner import Grid, blend, coverage


def smooth_cloud(
    rng: np.random.Generator, grid: Grid, *, step_mm: float = 13.0
) -> Callable[[slice], np.ndarray]:
    """Smooth random HU (standard deviation about 12) over a grid.

    Args:
        rng: Source of the values at knots.
        grid: The grid to fill.
        step_mm: Distance between the knots; in between, values are linear.

    Returns:
        A function from a slab of the grid's slices to HU, float32 of shape `(n, H, W)`.
    """
    low, high, share = [], [], []
    for axis in (grid.x, grid.y, grid.z):
        place = (axis - axis[0]) / np.float32(step_mm)
        low.append(place.astype(int))
        high.append(low[-1] + 1)
        share.append(place - low[-1])
    knots = rng.standard_normal([int(at[-1]) + 1 for at in reversed(high)], dtype=np.float32)
    knots *= 18

    def between(values: np.ndarray, axis: int, world: int, cut: slice) -> np.ndarray:
        weight = np.expand_dims(share[world][cut], tuple(i for i in range(3) if i != axis))
        start = values.take(low[world][cut], axis)
        return start + (values.take(high[world][cut], axis) - start) * weight

    def slab_texture(slab: slice) -> np.ndarray:
        whole = slice(None)
        return between(between(between(knots, 0, 2, slab), 1, 1, whole), 2, 0, whole)

    return slab_texture


SUBSLICE_MM = 1.25
Point = Sequence[float]


def fine_levels(grid: Grid, low: int, *, high: int) -> tuple[np.ndarray, int]:
    """Levels within the slices `low` to `high`, about `SUBSLICE_MM` apart.

    Averaging each slice's levels gives the partial volume of thick slices.

    Returns:
        Levels in mm, shape `((high - low) * n,)`, and n, the levels in a slice.
    """
    n = max(1, round(grid.spacing[2] / SUBSLICE_MM))
    steps = ((np.arange(n) + 0.5) / n - 0.5) * grid.spacing[2]
    return (grid.z[low:high, None] + steps[None, :]).astype(np.float32).ravel(), n


def slice_mean(share: np.ndarray, n: int) -> np.ndarray:
    """Mean over each slice's `n` levels: `(D * n, H, W)` to `(D, H, W)`."""
    return share if n == 1 else share.reshape(-1, n, *share.shape[1:]).mean(axis=1)


def box_around(grid: Grid, low: Point, *, high: Point) -> tuple[slice, slice, slice]:
    """Slices of a `(D, H, W)` array that hold the box between two corners (x, y, z) in mm."""
    cuts = []
    for axis, start, stop, step in zip(
        (grid.x, grid.y, grid.z), low, high, grid.spacing, strict=True
    ):
        first = int(np.floor((start - axis[0]) / step))
        last = int(np.ceil((stop - axis[0]) / step)) + 1
        cuts.append(slice(min(max(first, 0), axis.size), min(max(last, 0), axis.size)))
    return cuts[2], cuts[1], cuts[0]


def tube_share(
    grid: Grid, start: Point, *, end: Point, radii: tuple[float, float]
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Share of each voxel within a tube with round ends.

    Args:
        grid: The scan's grid.
        start: (x, y, z) in mm.
        end: (x, y, z) in mm.
        radii: Radius in mm at the start and at the end.

    Returns:
        The box as slices of a `(D, H, W)` array and the share in [0, 1] in that box.
    """
    a, b = np.asarray(start, np.float32), np.asarray(end, np.float32)
    reach = max(radii) + np.float32(grid.spacing[0])
    box = box_around(grid, np.minimum(a, b) - reach, high=np.maximum(a, b) + reach)
    levels, n = fine_levels(grid, box[0].start, high=box[0].stop)
    if levels.size == 0:
        return box, np.zeros([cut.stop - cut.start for cut in box], np.float32)
    x = grid.x[box[2]][None, None, :] - a[0]
    y = grid.y[box[1]][None, :, None] - a[1]
    z = levels[:, None, None] - a[2]
    way = b - a
    length = max(float(way @ way), 1e-3)
    along = x * (way[0] / length) + y * (way[1] / length) + z * (way[2] / length)
    np.clip(along, 0, 1, out=along)
    distance = np.square(x - along * way[0])
    distance += np.square(y - along * way[1])
    distance += np.square(z - along * way[2])
    np.sqrt(distance, out=distance)
    along *= radii[1] - radii[0]
    along += radii[0]
    distance -= along
    return box, slice_mean(coverage(distance, grid.spacing[0]), n)


def draw_path(
    hu: np.ndarray, grid: Grid, *, points: Sequence[Point], radii: Sequence[float], value: float
) -> None:
    """Lay a chain of tubes through `points` over `hu` (`(D, H, W)`) in place.

    Args:
        hu: Volume in HU.
        grid: The scan's grid.
        points: (x, y, z) in mm each.
        radii: Radius in mm at each point.
        value: HU of the tubes.
    """
    for i in range(len(points) - 1):
        box, share = tube_share(grid, points[i], end=points[i + 1], radii=(radii[i], radii[i + 1]))
        blend(hu[box], value, share=share)
