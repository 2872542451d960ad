"""The scanner: voxel grid, table, field of view and noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SLICE_MM = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
LOWEST_HU = -1024


@dataclass(frozen=True, kw_only=True)
class ScannerGrid:
    """Voxel centres in the person's frame, with their affine to RAS.

    The person's frame is in mm: x to the person's left, y to the back, z to the head, with the
    origin on the axis of the field of view at the level of the lowest lung.

    Attributes:
        x: Position of the columns in mm, shape `(W,)`, growing to the left.
        y: Position of the rows in mm, shape `(H,)`, growing to the back.
        z: Position of the slices in mm, shape `(D,)`, growing to the head.
        spacing: Voxel size in mm along x, y and z; slices touch, so the last is their thickness.
        affine: Affine from voxel index to RAS mm, shape `(4, 4)`.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    spacing: tuple[float, float, float]
    affine: np.ndarray

    @property
    def radius(self) -> float:
        """Radius of the circular field of view in mm."""
        return self.spacing[0] * self.x.size / 2

    def to_world(self, point: Sequence[float]) -> tuple[float, float, float]:
        """Return the RAS mm of a point (x, y, z) in the person's frame."""
        axes = zip(point, (self.x, self.y, self.z), self.spacing, strict=True)
        index = [(value - axis[0]) / step for value, axis, step in axes]
        return tuple((self.affine[:3, :3] @ index + self.affine[:3, 3]).tolist())


def make_grid(rng: np.random.Generator, matrix: int, *, top: float) -> ScannerGrid:
    """Draw the grid of a scan from below the lungs to `top`.

    Args:
        rng: Generator of the slice thickness, the field of view and the origin.
        matrix: Rows and columns of a slice.
        top: Level in mm of the highest slice.

    Returns:
        A grid of touching slices, stored as scanners do: indices grow to the left and the back.
    """
    # a thickness is as much rarer as it needs more slices: each takes the same share of the work
    slice_mm = float(rng.choice(SLICE_MM, p=np.array(SLICE_MM) / sum(SLICE_MM)))
    pixel_mm = round(float(rng.uniform(345, 360)) / matrix, 4)
    bottom = -float(rng.uniform(15, 25))
    columns = (np.arange(matrix) - (matrix - 1) / 2) * pixel_mm
    slices = np.arange(bottom, top, slice_mm)
    shift = np.round(rng.uniform((-30, -30, -400), (30, 30, 0)), 2)
    affine = np.diag([-pixel_mm, -pixel_mm, slice_mm, 1.0])
    affine[:3, 3] = np.array([-columns[0], -columns[0], slices[0]]) + shift
    x, z = columns.astype(np.float32), slices.astype(np.float32)
    return ScannerGrid(x=x, y=x.copy(), z=z, spacing=(pixel_mm, pixel_mm, slice_mm), affine=affine)


def coverage(distance: np.ndarray, width: np.ndarray | float) -> np.ndarray:
    """Return the share of each voxel inside a surface.

    Args:
        distance: Signed distance to the surface in mm, negative inside. Any shape.
        width: Width in mm of the edge, about a voxel across; broadcasts with `distance`.

    Returns:
        Values in [0, 1] of the same shape.
    """
    share = distance * (-1 / np.asarray(width, np.float32))
    share += np.float32(0.5)
    np.maximum(share, 0, out=share)
    return np.minimum(share, 1, out=share)


def blend(hu: np.ndarray, value: np.ndarray | float, *, share: np.ndarray) -> None:
    """Blend `value` HU into `hu` in place, as far as `share` covers each voxel."""
    change = value - hu
    change *= share
    hu += change


def empty_room(rng: np.random.Generator, grid: ScannerGrid, *, back: float) -> np.ndarray:
    """Return air and a scanner table, curved or flat, the same in every slice.

    Args:
        rng: Generator of the shape of the table.
        grid: Grid of the scan.
        back: Hindmost y of the skin in mm.

    Returns:
        HU, float32 of shape `(H, W)`.
    """
    x, y = grid.x[None, :], grid.y[:, None]
    room = np.full((grid.y.size, grid.x.size), -1000, np.float32)
    gap, thickness = rng.uniform(3, 9), rng.uniform(16, 26)
    half_width = rng.uniform(190, 230)
    sag = rng.choice([0.0, rng.uniform(0.0008, 0.0016)])
    depth = y - np.float32(back + gap) + np.float32(sag) * x * x
    lateral = np.abs(x) - np.float32(half_width)
    table = np.maximum(np.abs(depth - thickness / 2) - thickness / 2, lateral)
    blend(room, rng.uniform(-120, 150), share=coverage(table, grid.spacing[0]))
    blend(room, -940, share=coverage(table + np.float32(rng.uniform(2.2, 3.5)), grid.spacing[0]))
    return room


def acquire(
    rng: np.random.Generator, hu: np.ndarray, *, grid: ScannerGrid, sigma: float, padding: int
) -> np.ndarray:
    """Add noise, crop to the field of view and round, as a reconstruction would.

    Args:
        rng: Generator of the noise.
        hu: HU without noise, float32 of shape `(D, H, W)`.
        grid: Grid of the scan.
        sigma: Standard deviation of the noise in HU.
        padding: Value outside the circular field of view.

    Returns:
        HU, int16 of shape `(D, H, W)`.
    """
    scan = np.empty(hu.shape, np.int16)
    outside = np.hypot(grid.x[None, :], grid.y[:, None]) > grid.radius
    rows, columns = outside.shape
    for source, target in zip(hu, scan, strict=True):
        grain = rng.standard_normal((rows, columns + 1), dtype=np.float32)
        # neighbours are correlated, as after a smooth kernel
        noise = grain[:, 1:] + grain[:, :-1]
        noise *= np.float32(sigma / np.sqrt(2))
        noise += source
        np.rint(noise, out=noise)
        np.maximum(noise, LOWEST_HU, out=noise)
        target[...] = noise
        np.copyto(target, padding, where=outside)
    return scan
