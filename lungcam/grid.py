"""Voxel grid in the scanner's space, and resampling between two grids.

Everything that moves between grids (scan to network input, heat-map to scan) goes through
`resample`, so that a single function decides on a voxel's position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import nibabel as nib
import numpy as np
from scipy.sparse import coo_array, csr_array

# axes of DICOM and ITK point to left and posterior, of NIfTI and TorchIO to right and anterior
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Grid:
    """Grid of voxel centres in RAS mm.

    Attributes:
        shape: Number of voxels along each array axis, `(W, H, D)`.
        affine: `(4, 4)` float64 matrix from voxel index to RAS mm, as in NIfTI and TorchIO.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along each array axis, in mm."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    def to_world(self, index: np.ndarray) -> np.ndarray:
        """Convert voxel indices `(..., 3)`, possibly fractional, to RAS mm `(..., 3)`."""
        return np.asarray(index) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, world_mm: np.ndarray) -> np.ndarray:
        """Convert RAS mm `(..., 3)` to fractional voxel indices `(..., 3)`."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(world_mm) @ inverse[:3, :3].T + inverse[:3, 3]

    def crop(self, box: tuple[slice, slice, slice]) -> "Grid":
        """Return the grid of a box; its slices have a start and a stop within the volume."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world([side.start for side in box])
        return Grid(tuple(side.stop - side.start for side in box), affine)

    def mirror(self, axes: Sequence[int]) -> "Grid":
        """Return the grid of the same voxel centres, counted from the other end along some axes."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world([self.shape[a] - 1 if a in axes else 0 for a in range(3)])
        affine[:3, list(axes)] *= -1
        return Grid(self.shape, affine)

    @cached_property
    def canonical(self) -> "Grid":
        """The same voxels with axes permuted and flipped to be closest to R, A, S."""
        orientation = nib.io_orientation(self.affine)
        affine = self.affine @ nib.orientations.inv_ornt_aff(orientation, self.shape)
        shape = np.asarray(self.shape)[np.argsort(orientation[:, 0])]
        return Grid(tuple(int(n) for n in shape), affine)


def reorient(volume: np.ndarray, source: Grid, *, target: Grid) -> np.ndarray:
    """Permute and flip axes, without interpolation.

    Args:
        volume: Array on `source`.
        source: Grid of the volume.
        target: Grid of the same voxel centres in another axis order and direction.

    Returns:
        A view of the volume on `target`.
    """
    change = nib.orientations.ornt_transform(
        nib.io_orientation(source.affine), nib.io_orientation(target.affine)
    )
    return nib.orientations.apply_orientation(volume, change)


def memory_axes(volume: np.ndarray) -> np.ndarray:
    """Return the axes of an array, from the slowest to the fastest in memory."""
    return np.argsort([-abs(step) for step in volume.strides], kind="stable")


def resample(
    volume: np.ndarray,
    source: Grid,
    *,
    target: Grid,
    outside: float = 0.0,
    box: tuple[slice, slice, slice] | None = None,
) -> np.ndarray:
    """Resample between two grids with parallel axes (in any order and direction).

    Interpolation is linear; where the target is coarser, the kernel is a triangle as wide as two
    target voxels, so that fine structure is averaged, not skipped. A source voxel extends to its
    own faces: beyond the outer faces of the source, values are `outside`.

    Args:
        volume: `(W, H, D)` array on `source`, any real or bool type.
        source: Grid of the volume.
        target: Grid to resample to; its axes are parallel to the source's.
        outside: Value beyond the source.
        box: Part of the source that is read, if all voxels beyond it are `outside`: for a mask,
            its bounding box.

    Returns:
        `(w, h, d)` float32 array on `target`.

    Raises:
        ValueError: The axes of the two grids are not parallel.
    """
    step = np.linalg.solve(source.affine, target.affine)
    linear = step[:3, :3]
    source_axes = _source_axes(linear, target.shape)
    if source_axes is None:
        raise ValueError("The axes of the two grids are not parallel.")
    weights = {}
    for target_axis, axis in enumerate(source_axes):
        scale = linear[axis, target_axis]
        centers = scale * np.arange(target.shape[target_axis]) + step[axis, 3]
        weights[axis] = _weights(centers, abs(scale), size=source.shape[axis])
    # only the source voxels with a weight are read
    read, shrinkage = [], {}
    for axis in range(3):
        columns = np.unique(weights[axis].indices)
        low, high = (int(columns[0]), int(columns[-1]) + 1) if columns.size else (0, 1)
        shrinkage[axis] = weights[axis].shape[0] / (high - low)
        if box is not None:
            low, high = max(low, box[axis].start), min(high, box[axis].stop)
        read.append(slice(low, max(low + 1, high)))
        weights[axis] = weights[axis][:, read[axis]]
    values = _interpolate(
        volume[tuple(read)], weights, shrinkage=shrinkage, outside=np.float32(outside)
    )
    return values.transpose(source_axes)


def are_parallel(source: Grid, target: Grid) -> bool:
    """Return True if the axes of two grids are parallel, so that `resample` takes them."""
    linear = np.linalg.solve(source.affine, target.affine)[:3, :3]
    return _source_axes(linear, target.shape) is not None


def _source_axes(linear: np.ndarray, shape: tuple[int, int, int]) -> list[int] | None:
    """Return the source axis of each target axis, None if their axes are not parallel.

    Args:
        linear: `(3, 3)` step of a target voxel along each axis, in source voxels.
        shape: Voxels of the target.
    """
    axes = [int(axis) for axis in np.argmax(np.abs(linear), axis=0)]
    deviation = linear.copy()
    deviation[axes, range(3)] = 0
    # distance, in source voxels, of the target's last voxel from the source's axes
    largest = np.abs(deviation @ np.diag(shape)).max()
    return axes if sorted(axes) == [0, 1, 2] and largest <= 1e-2 else None


def _interpolate(
    volume: np.ndarray,
    weights: dict[int, csr_array],
    *,
    shrinkage: dict[int, float],
    outside: np.float32,
) -> np.ndarray:
    """Apply the weights plane by plane, so that no whole float volume is needed in between.

    The weights are sparse: a target voxel depends on few others, and dense products would start
    threads that compete where several scans are prepared at once. Planes are read forwards in
    memory; the products are summed in the order of the volume's own indices all the same.

    Args:
        volume: `(w, h, d)` of any real or bool type.
        weights: Weights `(targets, sources)` by axis.
        shrinkage: Number of targets per source by axis, which decides the order of the axes.
        outside: Value for a row of zeros.

    Returns:
        float32, with axes and memory order of the volume.
    """
    order = memory_axes(volume)
    slow, middle, fast = (
        _backwards(weights[int(axis)]) if volume.strides[axis] < 0 else weights[int(axis)]
        for axis in order
    )
    middle_first = shrinkage[int(order[1])] < shrinkage[int(order[2])]
    forwards = tuple(slice(None, None, -1 if step < 0 else 1) for step in volume.strides)
    volume = volume[forwards].transpose(order)

    def plane(values: np.ndarray) -> np.ndarray:
        # the axis that shrinks more goes first
        values = (values if middle_first else np.ascontiguousarray(values.T)).astype(np.float32)
        if outside:
            values -= outside
        if middle_first:
            return (fast @ (middle @ values).T).T
        return middle @ (fast @ values).T

    result = np.empty((slow.shape[0], middle.shape[0], fast.shape[0]), np.float32)
    if shrinkage[int(order[0])] < 1:
        planes = np.stack([plane(values) for values in volume])
        result[:] = (slow @ planes.reshape(len(planes), -1)).reshape(result.shape)
    else:
        planes = [plane(values) for values in volume]
        for k in range(len(result)):
            entries = range(slow.indptr[k], slow.indptr[k + 1])
            parts = (slow.data[i] * planes[slow.indices[i]] for i in entries)
            result[k] = sum(parts, np.float32(0))
    if outside:
        result += outside
    return result.transpose(np.argsort(order))


def _backwards(weights: csr_array) -> csr_array:
    """Reverse the order of the sources; each row's products keep their order."""
    columns = weights.shape[1] - 1 - weights.indices
    return csr_array((weights.data, columns, weights.indptr), shape=weights.shape)


def _weights(centers: np.ndarray, step: float, *, size: int) -> csr_array:
    """Compute interpolation weights `(targets, sources)` of an axis; zeros for targets outside."""
    half_width = max(1.0, step)
    reach = int(np.ceil(half_width))
    inside = np.flatnonzero((centers >= -0.5 - 1e-6) & (centers <= size - 0.5 + 1e-6))
    nearby = np.floor(centers[inside])[:, None].astype(int) + np.arange(-reach, reach + 2)
    triangle = np.maximum(0.0, 1 - np.abs(nearby - centers[inside, None]) / half_width)
    triangle /= triangle.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(inside[:, None], nearby.shape)
    columns = np.clip(nearby, 0, size - 1)
    entries = triangle.astype(np.float32).ravel(), (rows.ravel(), columns.ravel())
    # entries for the same source voxel are added up
    weights = csr_array(coo_array(entries, shape=(len(centers), size)))
    weights.eliminate_zeros()
    return weights


def lps_columns(name: str, point: np.ndarray) -> dict[str, float]:
    """Return a point in RAS mm as three columns of a table, in LPS mm as LUNA16 has them.

    Args:
        name: Prefix of the columns, such as `coord` of coordX, coordY and coordZ.
        point: `(3,)` RAS mm.
    """
    x, y, z = point
    return {f"{name}X": round(-x, 4), f"{name}Y": round(-y, 4), f"{name}Z": round(float(z), 4)}
