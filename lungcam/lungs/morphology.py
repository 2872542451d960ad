"""Dilation in mm, whatever the voxel's shape.

The box around a mask.

The order in which a volume's voxels lie in memory.

Fill what the lungs enclose: vessels, nodules, tumours.
"""

from itertools import product

import cc3d
import numpy as np

from lungcam.grid import memory_axes


def bounding_box(mask: np.ndarray, margin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, ...]:
    """Find the smallest box that holds a mask.

    Args:
        mask: `(W, H, D)` bool.
        margin: Voxels to add on either side of each axis, as far as the volume goes.

    Returns:
        A slice for each axis.

    Raises:
        ValueError: The mask is empty.
    """
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        if filled.size == 0:
            raise ValueError("The mask is empty.")
        stop = min(int(filled[-1]) + 1 + margin[axis], mask.shape[axis])
        box.append(slice(max(int(filled[0]) - margin[axis], 0), stop))
    return tuple(box)


def in_memory_order(volume: np.ndarray) -> np.ndarray:
    """View a volume so that its last axis runs fastest and forwards.

    A CT turned to RAS+ order is a view with swapped and reversed axes; labelling it as it lies
    saves a copy.

    Args:
        volume: Any array, such as a transposed and flipped view.

    Returns:
        A view of the same voxels; `as_laid_out` leads back.
    """
    flips = tuple(slice(None, None, -1 if step < 0 else 1) for step in volume.strides)
    return volume[flips].transpose(memory_axes(volume))


def from_memory_order(volume: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Turn what was made from `in_memory_order(like)` back to the axes of `like`, as a view."""
    flips = tuple(slice(None, None, -1 if step < 0 else 1) for step in like.strides)
    return volume.transpose(np.argsort(memory_axes(like)))[flips]


def dilate(
    mask: np.ndarray, spacing_mm: tuple[float, float, float], *, distance_mm: float
) -> np.ndarray:
    """Add every voxel whose centre lies within a distance of a voxel centre of the mask.

    The ball is taken apart into rods along one axis. A rod is a row of bits, eight voxels a byte,
    so that one operation serves eight voxels: some five times faster than a distance transform.

    Args:
        mask: `(W, H, D)` bool.
        spacing_mm: Voxel spacing in mm.
        distance_mm: Distance between voxel centres, in mm.

    Returns:
        `(W, H, D)` bool.
    """
    grown = mask.copy(order="K")
    laid = in_memory_order(grown)
    spacing = [spacing_mm[axis] for axis in memory_axes(grown)]
    margins = tuple(int(distance_mm * (1 + 1e-6) / mm) for mm in spacing)
    if not mask.any():
        return grown
    inner = laid[bounding_box(laid, margins)]
    depth, height, width = inner.shape
    slices, rows, reach = margins
    bits = np.packbits(inner, axis=2)
    # shifted views then need no care at the ends
    result = np.zeros((depth + 2 * slices, height + 2 * rows, bits.shape[2]), np.uint8)
    rods = {0: bits}
    for n in range(1, reach + 1):
        rods[n] = rods[n - 1] | _shifted(bits, n) | _shifted(bits, -n)
    for dz, dy in product(range(-slices, slices + 1), range(-rows, rows + 1)):
        left = (distance_mm * (1 + 1e-6)) ** 2 - (dz * spacing[0]) ** 2 - (dy * spacing[1]) ** 2
        if left >= 0:
            at = result[slices + dz :, rows + dy :][:depth, :height]
            at |= rods[int(np.sqrt(left) / spacing[2])]
    result = result[slices : slices + depth, rows : rows + height]
    inner[:] = np.unpackbits(result, axis=2, count=width).view(bool)
    return grown


def _shifted(bits: np.ndarray, n: int) -> np.ndarray:
    """Move rows of bits by n voxels; what leaves a row is lost."""
    whole, rest = divmod(abs(n), 8)
    moved = np.zeros_like(bits)
    # a byte's bits go to the byte `whole` further on, and the rest of them one byte beyond it
    for skip, way in ((whole, rest), (whole + 1, rest - 8)):
        kept = bits.shape[2] - skip
        if kept <= 0:
            continue
        if n > 0:
            part = bits[:, :, :kept]
            moved[:, :, skip:] |= part >> way if way >= 0 else part << -way
        else:
            part = bits[:, :, skip:]
            moved[:, :, :kept] |= part << way if way >= 0 else part >> -way
    return moved


def fill_axial_slices(
    mask: np.ndarray,
    spacing_mm: tuple[float, float, float],
    *,
    largest_cm2: float = np.inf,
) -> np.ndarray:
    """Fill what a mask encloses within each axial slice.

    Args:
        mask: `(W, H, D)` bool, not empty.
        spacing_mm: Voxel spacing in mm.
        largest_cm2: Larger gaps stay, such as the dome of the liver that the lung surrounds.

    Returns:
        `(W, H, D)` bool.
    """
    filled = mask.copy(order="K")
    most = largest_cm2 * 100 / (spacing_mm[0] * spacing_mm[1])
    # a rim of one voxel, where the volume has it, joins what lies outside into one piece
    inner = filled[bounding_box(mask, (1, 1, 0))]
    for k in range(inner.shape[2]):
        layer = inner[:, :, k]
        gaps = cc3d.connected_components(in_memory_order(~layer), connectivity=4)
        sizes = np.bincount(gaps.ravel())
        enclosed = sizes <= most
        enclosed[np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]])] = False
        enclosed[0] = False
        if enclosed.any():
            layer |= from_memory_order(enclosed[gaps], layer)
    return filled
