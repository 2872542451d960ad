"""A voxel grid in the scanner's space, and the resampling between two of them.

Everything that moves between grids (scan to network input, heat-map to scan) goes through
`resample`, so that one piece of code answers for where a voxel stands.
"""

from dataclasses import dataclass
from functools import cached_property

import nibabel as nib
import numpy as np
from scipy.sparse import coo_array, csr_array

# DICOM and ITK count towards left and back, NIfTI and TorchIO towards right and front
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxel centres in RAS world mm.

    Attributes:
        shape: Voxels along each array axis, `(W, H, D)`.
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
        """Turn voxel indices `(..., 3)`, fractions allowed, into RAS mm `(..., 3)`."""
        return np.asarray(index) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, world_mm: np.ndarray) -> np.ndarray:
        """Turn RAS mm `(..., 3)` into fractional voxel indices `(..., 3)`."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(world_mm) @ inverse[:3, :3].T + inverse[:3, 3]

    def crop(self, box: tuple[slice, slice, slice]) -> "Grid":
        """The voxels of a box; its slices have a start and a stop within the volume."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world([side.start for side in box])
        return Grid(tuple(side.stop - side.start for side in box), affine)

    @cached_property
    def canonical(self) -> "Grid":
        """The same voxels with axes flipped and swapped to lie closest to R, A, S."""
        orientation = nib.io_orientation(self.affine)
        affine = self.affine @ nib.orientations.inv_ornt_aff(orientation, self.shape)
        shape = np.asarray(self.shape)[np.argsort(orientation[:, 0])]
        return Grid(tuple(int(n) for n in shape), affine)


def reorient(volume: np.ndarray, source: Grid, *, target: Grid) -> np.ndarray:
    """Flip and swap axes, without interpolation.

    Args:
        volume: Array on `source`.
        source: Grid of the volume.
        target: The same voxel centres in another axis order and direction.

    Returns:
        A view of the volume on `target`.
    """
    change = nib.orientations.ornt_transform(
        nib.io_orientation(source.affine), nib.io_orientation(target.affine)
    )
    return nib.orientations.apply_orientation(volume, change)


def memory_axes(volume: np.ndarray) -> np.ndarray:
    """Axes of an array, the one that runs slowest in memory first."""
    return np.argsort([-abs(step) for step in volume.strides], kind="stable")


def resample(volume: np.ndarray, source: Grid, *, target: Grid, outside: float = 0.0) -> np.ndarray:
    """Resample between two grids whose axes are parallel (in any order and direction).

    Linear interpolation, and where the target is coarser a triangle as wide as two target voxels,
    so that fine structure is averaged and not skipped. A source voxel reaches to its own faces:
    beyond the outer faces of the source stands `outside`.

    Args:
        volume: `(W, H, D)` array on `source`, any real or bool type.
        source: Grid of the volume.
        target: Grid to fill; its axes are parallel to the source's.
        outside: Value beyond the source.

    Returns:
        `(w, h, d)` float32 array on `target`.

    Raises:
        ValueError: The axes of the two grids are not parallel.
    """
    step = np.linalg.solve(source.affine, target.affine)
    linear = step[:3, :3]
    axis_of = np.argmax(np.abs(linear), axis=0)
    across = linear.copy()
    across[axis_of, range(3)] = 0
    # how far, in source voxels, the target's last voxel would stand off the source's axes
    if sorted(axis_of) != [0, 1, 2] or np.abs(across @ np.diag(target.shape)).max() > 1e-2:
        raise ValueError("The axes of the two grids are not parallel.")
    weights = {}
    for axis, at in enumerate(axis_of):
        centers = linear[at, axis] * np.arange(target.shape[axis]) + step[at, 3]
        weights[int(at)] = _weights(centers, abs(linear[at, axis]), size=source.shape[at])
    used = []
    for at in range(3):
        columns = np.unique(weights[at].indices)
        low, high = (int(columns[0]), int(columns[-1]) + 1) if columns.size else (0, 1)
        used.append(slice(low, high))
        weights[at] = weights[at][:, low:high]
    values = _interpolate(volume[tuple(used)], weights, outside=np.float32(outside))
    return values.transpose([int(at) for at in axis_of])


def _interpolate(
    volume: np.ndarray, weights: dict[int, csr_array], *, outside: np.float32
) -> np.ndarray:
    """Weigh a volume's axes, plane by plane, so that no whole float volume is needed between.

    The weights are sparse: a target voxel takes from few others, and dense products would call up
    threads that stand in each other's way where several scans are prepared at once.

    Args:
        volume: `(w, h, d)` of any real or bool type.
        weights: `(targets, sources)` for each axis.
        outside: What a row of zeros gives.

    Returns:
        float32, axes in the same order; laid out in memory as the volume is.
    """
    order = memory_axes(volume)
    slow, middle, fast = (weights[int(at)] for at in order)
    volume = volume.transpose(order)

    def plane(values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float32)
        if outside:
            values -= outside
        # the axis that shrinks more goes first
        if middle.shape[0] * fast.shape[1] < fast.shape[0] * middle.shape[1]:
            return (fast @ (middle @ values).T).T
        return middle @ (fast @ values.T).T

    result = np.empty((slow.shape[0], middle.shape[0], fast.shape[0]), np.float32)
    if slow.shape[0] < slow.shape[1]:
        planes = np.stack([plane(one) for one in volume])
        result[:] = (slow @ planes.reshape(len(planes), -1)).reshape(result.shape)
    else:
        planes = [plane(one) for one in volume]
        for k in range(len(result)):
            few = range(slow.indptr[k], slow.indptr[k + 1])
            parts = (slow.data[i] * planes[slow.indices[i]] for i in few)
            result[k] = sum(parts, np.float32(0))
    if outside:
        result += outside
    return result.transpose(np.argsort(order))


def _weights(centers: np.ndarray, step: float, *, size: int) -> csr_array:
    """Interpolation weights `(targets, sources)` of one axis; an all-zero row stands outside."""
    half_width = max(1.0, step)
    reach = int(np.ceil(half_width))
    inside = np.flatnonzero((centers >= -0.5 - 1e-6) & (centers <= size - 0.5 + 1e-6))
    nearby = np.floor(centers[inside])[:, None].astype(int) + np.arange(-reach, reach + 2)
    triangle = np.maximum(0.0, 1 - np.abs(nearby - centers[inside, None]) / half_width)
    triangle /= triangle.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(inside[:, None], nearby.shape)
    columns = np.clip(nearby, 0, size - 1)
    entries = triangle.astype(np.float32).ravel(), (rows.ravel(), columns.ravel())
    # what falls on the same source voxel is added up
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
