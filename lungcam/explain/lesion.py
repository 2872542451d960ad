"""Lesions of known place, as a ball or a mask, and their share of each voxel."""

from dataclasses import dataclass

import numpy as np

from lungcam.grid import Grid, resample

# voxels wider than this fraction of a ball's diameter are split
MIN_PARTS = 6


@dataclass(frozen=True, eq=False, kw_only=True)
class Lesion:
    """Place and extent of a lesion.

    Attributes:
        center_mm: `(3,)` centre in RAS mm.
        diameter_mm: Diameter in mm, above 0.
        mask: `(W, H, D)` bool, None where only the ball is known.
        grid: Grid of the mask.
    """

    center_mm: np.ndarray
    diameter_mm: float
    mask: np.ndarray | None = None
    grid: Grid | None = None

    def share_on(self, grid: Grid) -> np.ndarray:
        """Return the share of each voxel of a grid that is lesion: float32 in 0..1.

        Raises:
            ValueError: The axes of the mask and the grid are not parallel.
        """
        if self.mask is not None:
            return resample(self.mask, self.grid, target=grid)
        return ball_share(self.center_mm, self.diameter_mm, grid=grid)

    def contains(self, point: np.ndarray) -> float:
        """Return 1 if a point in RAS mm lies in the mask, else 0; NaN where there is no mask."""
        if self.mask is None:
            return np.nan
        if np.isnan(point).any():
            return 0.0
        index = np.rint(self.grid.to_index(point)).astype(int)
        inside = np.all(index >= 0) and np.all(index < self.mask.shape)
        return float(inside and self.mask[tuple(index)])


def masked_lesion(mask: np.ndarray, grid: Grid, *, diameter_mm: float | None = None) -> Lesion:
    """Make a lesion from its mask, with the mask's centre.

    Args:
        mask: `(W, H, D)` bool.
        grid: Grid of the mask.
        diameter_mm: Diameter of the lesion; None for that of a ball of the mask's volume.

    Raises:
        ValueError: The mask is empty.
    """
    index = np.argwhere(mask)
    if not len(index):
        raise ValueError("The mask is empty.")
    volume = len(index) * abs(np.linalg.det(grid.affine[:3, :3]))
    diameter = diameter_mm or (6 * volume / np.pi) ** (1 / 3)
    return Lesion(
        center_mm=grid.to_world(index.mean(axis=0)),
        diameter_mm=float(diameter),
        mask=mask,
        grid=grid,
    )


def ball_share(center_mm: np.ndarray, diameter_mm: float, *, grid: Grid) -> np.ndarray:
    """Return the share of each voxel of a grid that lies in a ball: float32 in 0..1.

    At the ball's surface it falls linearly within the width of a voxel, or of its parts where
    voxels are wide compared with the ball.
    """
    share = np.zeros(grid.shape, np.float32)
    parts = np.ceil(np.array(grid.spacing_mm) * (MIN_PARTS / diameter_mm)).astype(int).clip(1)
    width = np.cbrt(np.prod(grid.spacing_mm / parts))
    # its extent along each axis, in voxels, with half a voxel for their parts
    inverse = np.linalg.inv(grid.affine[:3, :3])
    reach = np.linalg.norm(inverse, axis=1) * (diameter_mm + width) / 2 + 0.5
    center = grid.to_index(center_mm)
    first = np.maximum(np.ceil(center - reach), 0).astype(int)
    last = np.minimum(np.floor(center + reach) + 1, grid.shape).astype(int)
    if (last <= first).any():
        return share
    axes = [
        a + (np.arange((b - a) * n) + 0.5) / n - 0.5
        for a, b, n in zip(first, last, parts, strict=True)
    ]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    distance = np.linalg.norm(grid.to_world(index) - center_mm, axis=-1)
    inside = np.clip((diameter_mm / 2 - distance) / width + 0.5, 0, 1)
    shape = np.stack([last - first, parts], axis=1).ravel()
    share[tuple(map(slice, first, last))] = inside.reshape(shape).mean(axis=(1, 3, 5))
    return share


def refined_grid(grid: Grid, widest_mm: float) -> Grid:
    """Split a grid's voxels evenly until none is wider than a length."""
    parts = np.ceil(np.array(grid.spacing_mm) / widest_mm - 1e-9).astype(int).clip(1)
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] / parts
    affine[:3, 3] = grid.to_world((1 / parts - 1) / 2)
    return Grid(tuple(int(n) for n in parts * grid.shape), affine)
