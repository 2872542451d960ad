"""Shapes in voxels: a smooth random texture, boxes, and tapering tubes within their own box."""

from collections.abc import Callable, Sequence

import numpy as np

from lungcam.phantom.scanner import ScannerGrid, blend, coverage

SUBSLICE_MM = 1.25
Point = Sequence[float]


def smooth_cloud(
    rng: np.random.Generator, grid: ScannerGrid, *, step_mm: float = 13.0
) -> Callable[[slice], np.ndarray]:
    """Return smooth random HU (standard deviation about 12) over a grid.

    Args:
        rng: Generator of the values at the knots.
        grid: Grid to fill.
        step_mm: Distance between the knots; the values between them are linear.

    Returns:
        A function from a slab of the grid's slices to HU of shape `(n, H, W)`.
    """
    positions = [(axis - axis[0]) / np.float32(step_mm) for axis in (grid.z, grid.y, grid.x)]
    lower = [position.astype(int) for position in positions]
    knots = rng.standard_normal([int(index[-1]) + 2 for index in lower], dtype=np.float32)
    knots *= 18

    def slab_texture(slab: slice) -> np.ndarray:
        values = knots
        for axis, part in enumerate((slab, slice(None), slice(None))):
            low = lower[axis][part]
            others = tuple(i for i in range(3) if i != axis)
            weight = np.expand_dims(positions[axis][part] - low, others)
            start = values.take(low, axis)
            values = start + (values.take(low + 1, axis) - start) * weight
        return values

    return slab_texture


def box_around(grid: ScannerGrid, low: Point, *, high: Point) -> tuple[slice, slice, slice]:
    """Return slices of a `(D, H, W)` array for the box between two corners (x, y, z) in mm."""
    cuts = []
    for axis, start, stop, step in zip(
        (grid.x, grid.y, grid.z), low, high, grid.spacing, strict=True
    ):
        first = int(np.floor((start - axis[0]) / step))
        last = int(np.ceil((stop - axis[0]) / step)) + 1
        cuts.append(slice(min(max(first, 0), axis.size), min(max(last, 0), axis.size)))
    return cuts[2], cuts[1], cuts[0]


def fine_levels(grid: ScannerGrid, low: int, *, high: int) -> tuple[np.ndarray, int]:
    """Return levels within the slices `low` to `high`, about `SUBSLICE_MM` apart.

    The mean over the levels of a slice is the partial volume of a thick slice.

    Returns:
        Levels in mm, shape `((high - low) * n,)`, and n, the number of levels in a slice.
    """
    n = max(1, round(grid.spacing[2] / SUBSLICE_MM))
    steps = ((np.arange(n) + 0.5) / n - 0.5) * grid.spacing[2]
    return (grid.z[low:high, None] + steps[None, :]).astype(np.float32).ravel(), n


def slice_mean(share: np.ndarray, n: int) -> np.ndarray:
    """Return the mean over the `n` levels of each slice: `(D * n, H, W)` to `(D, H, W)`."""
    return share if n == 1 else share.reshape(-1, n, *share.shape[1:]).mean(axis=1)


def tube_share(
    grid: ScannerGrid, start: Point, *, end: Point, radii: tuple[float, float]
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Return the share of each voxel inside a tube with round ends.

    Args:
        grid: Grid of the scan.
        start: First end (x, y, z) in mm.
        end: Second end (x, y, z) in mm.
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
    axis = b - a
    length = max(float(axis @ axis), 1e-3)
    along = x * (axis[0] / length) + y * (axis[1] / length) + z * (axis[2] / length)
    np.clip(along, 0, 1, out=along)
    distance = np.square(x - along * axis[0])
    distance += np.square(y - along * axis[1])
    distance += np.square(z - along * axis[2])
    np.sqrt(distance, out=distance)
    along *= radii[1] - radii[0]
    along += radii[0]
    distance -= along
    return box, slice_mean(coverage(distance, grid.spacing[0]), n)


def paint_path(
    hu: np.ndarray,
    grid: ScannerGrid,
    *,
    points: Sequence[Point],
    radii: Sequence[float],
    value: float,
) -> None:
    """Paint a chain of tubes through `points`, in place.

    Args:
        hu: Volume in HU, shape `(D, H, W)`.
        grid: Grid of the scan.
        points: Points (x, y, z) in mm.
        radii: Radius in mm at each point.
        value: HU of the tubes.
    """
    for i in range(len(points) - 1):
        box, share = tube_share(grid, points[i], end=points[i + 1], radii=(radii[i], radii[i + 1]))
        blend(hu[box], value, share=share)
