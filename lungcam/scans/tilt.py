"""Gantry tilt: slices that are sheared against each other are straightened, or refused.

A scanner with a tilted gantry moves the table along its own axis while the slices lean: each slice
is a little higher or lower in its own plane than the one before. Taken as an upright box, a lesion
would be displaced by up to several centimetres.
"""

import math
from dataclasses import dataclass

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.scans.hounsfield import AIR, HIGHEST_PADDING

TILTS = ("straighten", "refuse")
# an axis within this cosine of a right angle is upright: 0.3 mm over 300 mm
LARGEST_COSINE = 1e-3
# beyond this angle a volume is no tilted scan
MOST_DEGREES = 45.0
REMEDY = "resample the volume upright first"


@dataclass(frozen=True, eq=False)
class Straightened:
    """Upright volume.

    Attributes:
        hu: `(W, H, D)` int16.
        grid: Its grid; the slices keep their number and distance.
    """

    hu: np.ndarray
    grid: Grid


def check_tilt(check: ScanCheck, affine: np.ndarray, *, depth: int, tilt: str) -> bool:
    """Report a tilt: repaired if the third axis alone leans and is to be straightened, or refused.

    Args:
        check: Receives the finding gantry_tilt.
        affine: `(4, 4)` affine with axes of any length that is not 0.
        depth: Number of slices along the third axis.
        tilt: One of `TILTS`.

    Returns:
        True if there is a tilt that `straighten` removes.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(axes.T @ axes - np.eye(3))
    if cosines.max() < LARGEST_COSINE:
        return False
    normal = np.cross(axes[:, 0], axes[:, 1])
    angle = math.degrees(math.acos(min(1.0, abs(float(normal @ axes[:, 2])))))
    sideways = math.sin(math.radians(angle)) * float(np.linalg.norm(affine[:3, 2])) * (depth - 1)
    message = f"the slices are sheared by {sideways:.1f} mm from first to last (gantry tilt of "
    message += f"{angle:.1f} degrees)"
    if tilt == "refuse" or cosines[0, 1] >= LARGEST_COSINE or angle > MOST_DEGREES:
        check.add("gantry_tilt", "refused", message=message, remedy=REMEDY)
        return False
    message += " and were straightened by interpolation within each slice"
    check.add("gantry_tilt", "repaired", message=message)
    return True


def straighten(hu: np.ndarray, affine: np.ndarray) -> Straightened:
    """Shift each slice within its plane so that the third axis is at right angles to the others.

    The image grows by as much as the slices are shifted, so that no voxel is lost. Values are
    interpolated linearly along the first two axes; around the shifted slices there is air.

    Args:
        hu: `(W, H, D)` int16; padding counts as air.
        affine: `(4, 4)` affine to RAS mm; its first two axes are at right angles.
    """
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :2] / lengths[:2]
    # voxels by which a slice is shifted along the first two axes, and the lowest of all slices
    shift = np.arange(hu.shape[2])[:, None] * (axes.T @ affine[:3, 2]) / lengths[:2]
    lowest = np.floor(shift.min(axis=0)).astype(int)
    width, height = np.array(hu.shape[:2]) + np.ceil(shift.max(axis=0)).astype(int) - lowest
    result = np.full((hu.shape[2], height, width), AIR, np.int16).transpose(2, 1, 0)
    for k, (dx, dy) in enumerate(shift - lowest):
        plane = np.where(hu[:, :, k] <= HIGHEST_PADDING, AIR, hu[:, :, k]).astype(np.float32)
        result[:, :, k] = np.rint(_shifted(_shifted(plane, dx, width).T, dy, height).T)
    upright = affine.copy()
    upright[:3, 2] -= axes @ (axes.T @ affine[:3, 2])
    upright[:3, 3] += affine[:3, :2] @ lowest
    return Straightened(result, Grid(result.shape, upright))


def _shifted(plane: np.ndarray, shift: float, size: int) -> np.ndarray:
    """Return an image that is shifted along its first axis, of a new size along it."""
    start = math.floor(shift)
    fraction = np.float32(shift - start)
    result = np.full((size + 1, plane.shape[1]), AIR, np.float32)
    result[start : start + len(plane)] = plane
    following = np.full_like(result, AIR)
    following[1:] = result[:-1]
    return ((1 - fraction) * result + fraction * following)[:size]
