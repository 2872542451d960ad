"""The readers' nodules of LIDC-IDRI and the annotations of LUNA16: which is which.

Which nodule a point hits, by LUNA16's rule.

Where a pixel of LIDC-IDRI's XML stands in a scan of LUNA16.

The XML counts columns and rows in the DICOM images' order, and gives a slice's height in mm. A .mhd
whose axes run against LPS (TransformMatrix -1 ...) has either kept that order, because the DICOM
images ran so themselves, or was mirrored when it was written. In LUNA16 the first occurs: of the
298 series whose findings in LUNA16's tables and in the XML are enough to fit the one to the other,
columns and rows run against x and y in 4, such as
1.3.6.1.4.1.14519.5.2.1.6279.6001.148447286464082095534651426689. Other writers do the second. So
both are tried, and the one that brings more nodules onto LUNA16's annotations is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from lungcam.cohorts.lidc import Annotation, Nodule, cluster
from lungcam.grid import Grid
from lungcam.metrics import within_radius

UNKNOWN_DIAMETER_MM = 10.0


def hits(points: np.ndarray, centers: np.ndarray, *, diameters: np.ndarray) -> np.ndarray:
    """Find the nodule that each point of a scan hits: one nearer to it than half its diameter.

    Setio et al. 2017, doi:10.1016/j.media.2017.06.015. A finding without a diameter, which LUNA16
    writes as -1, takes 10 mm, as in the official evaluation script.

    Args:
        points: `(N, 3)` mm.
        centers: `(M, 3)` mm in the same world, of one scan.
        diameters: `(M,)` mm.

    Returns:
        `(N,)` index of the nearest nodule that is hit, -1 where none is.
    """
    found = np.full(len(points), -1)
    if not len(points) or not len(centers):
        return found
    diameters = np.where(np.asarray(diameters) < 0, UNKNOWN_DIAMETER_MM, diameters)
    nearest = np.full(len(points), np.inf)
    for nodule, near in enumerate(cKDTree(points).query_ball_point(centers, diameters / 2)):
        # the ball holds its surface, the rule does not
        distances = np.linalg.norm(points[near] - centers[nodule], axis=1)
        closer = within_radius(distances, diameters[nodule]) & (distances < nearest[near])
        chosen = np.asarray(near, int)[closer]
        found[chosen], nearest[chosen] = nodule, distances[closer]
    return found


def pixel_grids(grid: Grid) -> list[Grid]:
    """Ways in which a file's voxels may be the pixels of the DICOM images.

    Args:
        grid: Of the .mhd file, in any axis order and direction.

    Returns:
        Grids with the axes (column, row, slice): that of the file's own order first, then the one
        whose pixel (0, 0) has the smallest x and y in LPS; one grid where they are the same.
    """
    canonical = grid.canonical
    affine = canonical.affine.copy()
    affine[:3, 3] = canonical.to_world((canonical.shape[0] - 1, canonical.shape[1] - 1, 0))
    affine[:3, :2] *= -1
    upright = Grid(canonical.shape, affine)
    axial = np.argmax(np.abs(grid.affine[2, :3])) == 2
    # slices may be stored from head to foot: heights are in mm and tell
    same = axial and np.allclose(grid.affine[:3, :2], affine[:3, :2])
    return [grid, upright] if axial and not same else [upright]


def place(pixels: Sequence[tuple[float, float, float]], grid: Grid) -> np.ndarray:
    """Turn columns, rows and heights of slices into RAS mm.

    Args:
        pixels: Column, row (fractions allowed) and z in mm. A slice's height is that of its first
            pixel, ImagePositionPatient, which matters where the slices stand oblique.
        grid: One of `pixel_grids`.

    Returns:
        `(N, 3)` RAS mm.
    """
    index = np.array(pixels, float).reshape(-1, 3)
    index[:, 2] = (index[:, 2] - grid.affine[2, 3]) / grid.affine[2, 2]
    return grid.to_world(index)


@dataclass(frozen=True, eq=False)
class Join:
    """A scan's nodules.

    Attributes:
        nodules: By the readers' marks.
        centers_mm: `(N, 3)` RAS mm: the mean of the readers' centres.
        nodule_of: For each annotation of LUNA16 the index of its nodule, -1 where there is none.
    """

    nodules: Sequence[Nodule]
    centers_mm: np.ndarray
    nodule_of: Sequence[int]


def join(
    marks: Sequence[Annotation], grid: Grid, *, centers_mm: np.ndarray, diameters_mm: np.ndarray
) -> Join:
    """Find the nodule that is meant by each annotation of LUNA16.

    Its centre lies within the annotation by LUNA16's rule, see `hits`. Of several, the one that
    most readers marked is taken, then the nearest.

    Args:
        marks: What all readers drew in the series.
        grid: Of the .mhd file.
        centers_mm: `(M, 3)` RAS mm, LUNA16's annotations of the scan.
        diameters_mm: `(M,)`.
    """
    grids = pixel_grids(grid)
    x_mm, y_mm, _ = grids[-1].spacing_mm
    nodules = cluster(marks, (x_mm, y_mm))
    ways = [_join(nodules, one, centers_mm=centers_mm, diameters_mm=diameters_mm) for one in grids]
    # the first of equals: the file's own order
    return max(ways, key=lambda way: sum(k >= 0 for k in way.nodule_of))


def _join(
    nodules: Sequence[Nodule], grid: Grid, *, centers_mm: np.ndarray, diameters_mm: np.ndarray
) -> Join:
    """The join if the XML's pixels are those of this grid."""
    placed = [place([m.center for m in one.annotations], grid).mean(axis=0) for one in nodules]
    found = np.array(placed).reshape(-1, 3)
    into = hits(found, centers_mm, diameters=diameters_mm)
    nodule_of = []
    for index, center in enumerate(centers_mm):
        inside = [int(k) for k in np.flatnonzero(into == index)]
        inside.sort(key=lambda k: (-len(nodules[k].readers), np.linalg.norm(found[k] - center)))
        nodule_of.append(inside[0] if inside else -1)
    return Join(nodules, found, nodule_of)
