"""Dilation in mm, whatever the voxel's shape."""

from itertools import product

import numpy as np

from lungcam.grid import memory_axes
from lungcam.lungs.box import bounding_box
from lungcam.lungs.layout import in_memory_order


def dilate(
    mask: np.ndarray, spacing_mm: tuple[float, float, float], distance_mm: float
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
