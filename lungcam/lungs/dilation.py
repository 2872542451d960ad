"""Dilation in mm, whatever the voxel's shape."""

import edt
import numpy as np


def dilate(
    mask: np.ndarray, spacing_mm: tuple[float, float, float], distance_mm: float
) -> np.ndarray:
    """Add every voxel whose centre lies within a distance of the mask.

    Args:
        mask: `(W, H, D)` bool.
        spacing_mm: Voxel spacing in mm.
        distance_mm: Distance between voxel centres, in mm.

    Returns:
        `(W, H, D)` bool.
    """
    grown = mask.copy()
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        if filled.size == 0:
            return grown
        margin = int(np.ceil(distance_mm / spacing_mm[axis]))
        box.append(slice(max(filled[0] - margin, 0), filled[-1] + margin + 1))
    inner = tuple(box)
    # the distance map of the whole volume costs seconds: only the mask's surroundings matter
    distance = edt.edt(~mask[inner], anisotropy=spacing_mm, black_border=False, parallel=0)
    # the distances are float32: a voxel at just this distance must not fall to rounding
    grown[inner] = distance <= distance_mm * (1 + 1e-6)
    return grown
