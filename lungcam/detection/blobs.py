"""Blob filter: bright round structures, without any training; a baseline of detectors.

For each radius, the scan is smoothed and its second derivatives are taken. A bright blob bends
down in all directions, a vessel in two, a wall in one: the score is the smallest curvature squared
over the largest (Li, Sone and Doi 2003), the same for a blob of any size.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

# of blobs that are searched for, in voxels: from a level to the next coarser one they double
RADII = (1.5, 1.95, 2.54)
# brighter tissue, such as bone or calcium, is no better a nodule
BRIGHTEST_HU = 200


def blob_scores(
    volume: np.ndarray, searched: np.ndarray, *, radii: Sequence[float] = RADII
) -> np.ndarray:
    """Score how much each place looks like the middle of a bright blob.

    Args:
        volume: `(W, H, D)` brightness of cubic voxels, such as `soft_tissue` of HU.
        searched: `(W, H, D)` bool.
        radii: Radii of the blobs in voxels.

    Returns:
        `(W, H, D)` float32, the best score of all radii in units of brightness; 0 where nothing
        bends down in all directions, and where nothing is searched.
    """
    best = np.zeros(volume.shape, np.float32)
    for radius in radii:
        # the Laplacian of a ball is largest at this width of the filter
        sigma = radius / np.sqrt(3)
        smooth = gaussian_filter(np.asarray(volume, np.float32), sigma, truncate=3)
        least, most = _curvatures(smooth)
        score = np.where(least > 0, least**2 / np.maximum(most, 1e-6), 0) * sigma**2
        np.maximum(best, score, out=best, where=searched)
    return best


def soft_tissue(hu: np.ndarray) -> np.ndarray:
    """Return HU as float32, between those of air and of soft tissue with contrast."""
    return np.clip(hu, -1000, BRIGHTEST_HU).astype(np.float32)


def _curvatures(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest downward curvature, `(W, H, D)` each, per voxel squared.

    They are the eigenvalues of the negative Hessian, in closed form (Smith 1961).
    """
    first = np.gradient(volume)
    xx, yy, zz = (-_second(volume, axis) for axis in range(3))
    xy, xz = (-np.gradient(first[0], axis=axis) for axis in (1, 2))
    yz = -np.gradient(first[1], axis=2)
    mean = (xx + yy + zz) / 3
    xx, yy, zz = xx - mean, yy - mean, zz - mean
    size = np.sqrt((xx**2 + yy**2 + zz**2 + 2 * (xy**2 + xz**2 + yz**2)) / 6) + 1e-9
    determinant = (
        xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    ) / size**3
    angle = np.arccos(np.clip(determinant / 2, -1, 1)) / 3
    most = mean + 2 * size * np.cos(angle)
    least = mean + 2 * size * np.cos(angle + 2 * np.pi / 3)
    return least, most


def _second(volume: np.ndarray, axis: int) -> np.ndarray:
    """Return the second derivative along an axis, in voxels; at the ends that of the neighbour."""
    line = np.moveaxis(volume, axis, 0)
    second = np.empty_like(line)
    second[1:-1] = line[2:] - 2 * line[1:-1] + line[:-2]
    second[0], second[-1] = second[1], second[-2]
    return np.moveaxis(second, 0, axis)
