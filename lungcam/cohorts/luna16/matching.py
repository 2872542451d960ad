"""The readers' nodules of LIDC-IDRI and the annotations of LUNA16: which is which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.cohorts.lidc import Annotation, Nodule, cluster
from lungcam.cohorts.luna16.hits import hits
from lungcam.cohorts.luna16.pixels import pixel_grids, place
from lungcam.grid import Grid


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
    marks: Sequence[Annotation], grid: Grid, centers_mm: np.ndarray, diameters_mm: np.ndarray
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
    ways = [_join(nodules, one, centers_mm, diameters_mm) for one in grids]
    # the first of equals: the file's own order
    return max(ways, key=lambda way: sum(k >= 0 for k in way.nodule_of))


def _join(
    nodules: Sequence[Nodule], grid: Grid, centers_mm: np.ndarray, diameters_mm: np.ndarray
) -> Join:
    """The join if the XML's pixels are those of this grid."""
    placed = [place([m.center for m in one.annotations], grid).mean(axis=0) for one in nodules]
    found = np.array(placed).reshape(-1, 3)
    into = hits(found, centers_mm, diameters_mm)
    nodule_of = []
    for index, center in enumerate(centers_mm):
        inside = [int(k) for k in np.flatnonzero(into == index)]
        inside.sort(key=lambda k: (-len(nodules[k].readers), np.linalg.norm(found[k] - center)))
        nodule_of.append(inside[0] if inside else -1)
    return Join(nodules, found, nodule_of)
