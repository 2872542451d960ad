"""Matches between points, LUNA16's annotations and the readers' nodules of LIDC-IDRI.

The XML of LIDC-IDRI counts columns and rows in the order of the DICOM images, and gives a slice's
height in mm. A .mhd file with axes against LPS (TransformMatrix -1 ...) either keeps that order,
because the DICOM images have it too, or was mirrored when it was written. LUNA16 has the first
kind: of the 298 series with enough findings in LUNA16's tables and in the XML to align them,
columns and rows run against x and y in 4, such as
1.3.6.1.4.1.14519.5.2.1.6279.6001.148447286464082095534651426689. Other writers produce the second
kind. So both are tried, and the one that places more nodules onto LUNA16's annotations is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from lungcam.cohorts.lidc import Annotation, Nodule, cluster
from lungcam.grid import Grid
from lungcam.metrics import within_radius

UNKNOWN_DIAMETER_MM = 10.0


def hits(points: np.ndarray, centers: np.ndarray, *, diameters: np.ndarray) -> np.ndarray:
    """Find the nodule that each point of a scan hits: the nearest within half its diameter.

    Setio et al. 2017, doi:10.1016/j.media.2017.06.015. A finding without a diameter, which LUNA16
    writes as -1, takes 10 mm, as in the official evaluation script.

    Args:
        points: `(N, 3)` mm.
        centers: `(M, 3)` mm in the same world, of one scan.
        diameters: `(M,)` mm.

    Returns:
        `(N,)` index of the nearest nodule that is hit, -1 if there is none.
    """
    hit = np.full(len(points), -1)
    if not len(points) or not len(centers):
        return hit
    diameters = np.where(np.asarray(diameters) < 0, UNKNOWN_DIAMETER_MM, diameters)
    nearest = np.full(len(points), np.inf)
    for nodule, near in enumerate(
        scipy.spatial.cKDTree(points).query_ball_point(centers, diameters / 2)
    ):
        # the ball includes its surface, the rule does not
        distances = np.linalg.norm(points[near] - centers[nodule], axis=1)
        closer = within_radius(distances, diameters[nodule]) & (distances < nearest[near])
        indices = np.asarray(near, int)[closer]
        hit[indices], nearest[indices] = nodule, distances[closer]
    return hit


@dataclass(frozen=True, eq=False)
class NoduleMatch:
    """Nodules of a scan, matched to its annotations in LUNA16.

    Attributes:
        nodules: Nodules from the readers' annotations.
        centers_mm: `(N, 3)` RAS mm: the mean of the readers' centres.
        nodule_of: Index of the nodule of each annotation in LUNA16, -1 if there is none.
    """

    nodules: Sequence[Nodule]
    centers_mm: np.ndarray
    nodule_of: Sequence[int]


def match_nodules(
    marks: Sequence[Annotation], grid: Grid, *, centers_mm: np.ndarray, diameters_mm: np.ndarray
) -> NoduleMatch:
    """Find the nodule of each annotation in LUNA16.

    The nodule's centre is within the annotation by LUNA16's rule, see `hits`. Among several, the
    one with the most readers is used, then the nearest.

    Args:
        marks: Annotations of all readers in the series.
        grid: Grid of the .mhd file.
        centers_mm: `(M, 3)` RAS mm, LUNA16's annotations of the scan.
        diameters_mm: `(M,)` mm.
    """
    grids = pixel_grids(grid)
    x_mm, y_mm, _ = grids[-1].spacing_mm
    nodules = cluster(marks, (x_mm, y_mm))
    matches = [
        _match(nodules, candidate, centers_mm=centers_mm, diameters_mm=diameters_mm)
        for candidate in grids
    ]
    # the first if equal: the file's own order
    return max(matches, key=lambda match: sum(k >= 0 for k in match.nodule_of))


def _match(
    nodules: Sequence[Nodule], grid: Grid, *, centers_mm: np.ndarray, diameters_mm: np.ndarray
) -> NoduleMatch:
    """Return the match under the assumption that the XML's pixels are those of this grid."""
    means = [
        pixels_to_world([mark.center for mark in nodule.annotations], grid).mean(axis=0)
        for nodule in nodules
    ]
    positions = np.array(means).reshape(-1, 3)
    hit = hits(positions, centers_mm, diameters=diameters_mm)
    nodule_of = []
    for index, center in enumerate(centers_mm):
        inside = [int(k) for k in np.flatnonzero(hit == index)]
        inside.sort(key=lambda k: (-len(nodules[k].readers), np.linalg.norm(positions[k] - center)))
        nodule_of.append(inside[0] if inside else -1)
    return NoduleMatch(nodules, positions, nodule_of)


def pixel_grids(grid: Grid) -> list[Grid]:
    """Return the possible grids of the DICOM images' pixels.

    Args:
        grid: Grid of the .mhd file, in any axis order and direction.

    Returns:
        Grids with the axes (column, row, slice): first in the file's own order, then with pixel
        (0, 0) at the smallest x and y in LPS; a single grid if they are equal.
    """
    canonical = grid.canonical
    affine = canonical.affine.copy()
    affine[:3, 3] = canonical.to_world((canonical.shape[0] - 1, canonical.shape[1] - 1, 0))
    affine[:3, :2] *= -1
    upright = Grid(canonical.shape, affine)
    axial = np.argmax(np.abs(grid.affine[2, :3])) == 2
    # the order of the slices does not matter: the XML gives heights in mm
    same = axial and np.allclose(grid.affine[:3, :2], affine[:3, :2])
    return [grid, upright] if axial and not same else [upright]


def pixels_to_world(pixels: Sequence[tuple[float, float, float]], grid: Grid) -> np.ndarray:
    """Convert columns, rows and heights of slices to RAS mm.

    Args:
        pixels: Column, row (fractions allowed) and z in mm. A slice's height is that of its first
            pixel, ImagePositionPatient, which matters for oblique slices.
        grid: One of `pixel_grids`.

    Returns:
        `(N, 3)` RAS mm.
    """
    index = np.array(pixels, float).reshape(-1, 3)
    index[:, 2] = (index[:, 2] - grid.affine[2, 3]) / grid.affine[2, 2]
    return grid.to_world(index)
