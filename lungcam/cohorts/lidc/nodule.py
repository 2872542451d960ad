"""Nodules: the annotations of several readers, grouped where they mean the same nodule.

Nodule IDs are each reader's own, so annotations are grouped by distance. A reader who drew two
nodules saw two: no group holds two annotations of one reader, and so none holds more than four.
Where the outlines of more annotations touch, those with the nearest centres are joined first.

The usual alternative, to shrink the distance until a cluster has at most four annotations, splits
annotations that nest in each other: on the 1,018 series it counts 2,720 nodules, this rule 2,672.
LIDC's own count by patient (lidc-idri_nodule_counts-6-23-2015.xlsx on The Cancer Imaging Archive)
is 2,669.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from lungcam.cohorts.lidc.annotation import Annotation
from lungcam.errors import InputError

STATISTICS = {"mean": statistics.fmean, "median": statistics.median}
# any value from one pixel to 6 mm gives the same nodules on the 1,018 series
TOLERANCE_MM = 2.0


@dataclass(frozen=True, eq=False)
class Nodule:
    """A nodule of 3 mm or more.

    Attributes:
        annotations: Annotations of its readers, sorted by reader.
        ambiguous: True if the outlines touch those of another nodule, from which they were
            separated only because one reader drew both.
    """

    annotations: tuple[Annotation, ...]
    ambiguous: bool = False

    @property
    def readers(self) -> tuple[int, ...]:
        """Readers who annotated the nodule, sorted and unique."""
        return tuple(sorted({annotation.reader for annotation in self.annotations}))

    def rating(self, name: str, statistic: str = "mean") -> float:
        """Return the mean or median of a rating over the annotations.

        Raises:
            InputError: No annotation has this rating.
        """
        values = [
            annotation.ratings[name]
            for annotation in self.annotations
            if name in annotation.ratings
        ]
        if not values:
            raise InputError(f"No reader gave {name}; choose another rating.")
        return float(STATISTICS[statistic](values))


def cluster(annotations: Sequence[Annotation], pixel_mm: tuple[float, float]) -> list[Nodule]:
    """Group the annotations of one series into nodules.

    Args:
        annotations: Annotations of one reading.
        pixel_mm: Distance between columns and between rows. Annotations are joined up to this
            distance or `TOLERANCE_MM`, whichever is larger.

    Returns:
        The nodules, sorted by height, row and column of their centres.
    """
    points = [_points_mm(annotation, pixel_mm) for annotation in annotations]
    pairs = _close_pairs(points, max(TOLERANCE_MM, *pixel_mm))
    members = {i: [i] for i in range(len(annotations))}
    cluster_of = list(members)
    ambiguous: set[int] = set()
    for _, i, j in sorted(pairs):
        a, b = sorted((cluster_of[i], cluster_of[j]))
        if a == b:
            continue
        if {annotations[k].reader for k in members[a]} & {
            annotations[k].reader for k in members[b]
        }:
            ambiguous |= {i, j}
            continue
        for k in members[b]:
            cluster_of[k] = a
        members[a] += members.pop(b)
    nodules = [
        Nodule(
            tuple(
                sorted(
                    (annotations[k] for k in sorted(group)),
                    key=lambda annotation: annotation.reader,
                )
            ),
            not ambiguous.isdisjoint(group),
        )
        for group in members.values()
    ]
    return sorted(nodules, key=_position)


def _points_mm(annotation: Annotation, pixel_mm: tuple[float, float]) -> np.ndarray:
    """Return the points of all contours, `(N, 3)` mm: column, row and height."""
    return np.concatenate(
        [
            np.column_stack([contour.points * pixel_mm, np.full(len(contour.points), contour.z_mm)])
            for contour in annotation.contours
        ]
    )


def _close_pairs(points: Sequence[np.ndarray], tolerance_mm: float) -> list[tuple[float, int, int]]:
    """Return distance of the centres in mm and indices of the pairs within the tolerance."""
    if len(points) < 2:
        return []
    low = np.array([cloud.min(axis=0) for cloud in points])
    high = np.array([cloud.max(axis=0) for cloud in points])
    gap = np.maximum(0, np.maximum(low[:, None] - high, low - high[:, None]))
    near = np.argwhere(np.triu(np.linalg.norm(gap, axis=2) <= tolerance_mm, 1))
    center = [cloud.mean(axis=0) for cloud in points]
    trees = {int(i): scipy.spatial.cKDTree(points[i]) for i in np.unique(near[:, 0])}
    # slightly more, so that rounding does not decide on points exactly at the tolerance
    reach = tolerance_mm * (1 + 1e-6)
    return [
        # rounded, so that equal distances stay equal wherever in the image they are measured
        (round(float(np.linalg.norm(center[i] - center[j])), 6), int(i), int(j))
        for i, j in near
        if np.isfinite(trees[int(i)].query(points[j], distance_upper_bound=reach)[0]).any()
    ]


def _position(nodule: Nodule) -> tuple[float, float, float]:
    """Return height, row and column of a nodule's centre."""
    column, row, height = np.mean([annotation.center for annotation in nodule.annotations], axis=0)
    return float(height), float(row), float(column)
