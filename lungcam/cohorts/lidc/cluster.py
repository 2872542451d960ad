"""Which marks of several readers mean the same nodule.

noduleIDs are each reader's own, so marks are joined where their outlines come close. A reader who
drew two nodules saw two: no nodule takes two marks of one reader, which also keeps four marks the
most. Where outlines of more marks meet, those whose centres are nearest join first. (To shrink the
distance until a cluster has at most four marks, as is often done, breaks apart marks that nest in
each other: on the 1,018 series it counts 2,720 nodules, this rule 2,672; LIDC's own count by
patient, lidc-idri_nodule_counts-6-23-2015.xlsx on The Cancer Imaging Archive, is 2,669.)
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from lungcam.cohorts.lidc.annotation import Annotation
from lungcam.cohorts.lidc.nodule import Nodule

# from one pixel to 6 mm, any choice gives the same nodules on the 1,018 series
TOLERANCE_MM = 2.0


def cluster(annotations: Sequence[Annotation], pixel_mm: tuple[float, float]) -> list[Nodule]:
    """Join the marks on one series.

    Args:
        annotations: Of one reading.
        pixel_mm: Distance between columns and between rows. Marks are joined up to this or
            `TOLERANCE_MM`, whichever is more.

    Returns:
        The nodules, in order of height, then row, then column of their centres.
    """
    points = [_points(one, pixel_mm) for one in annotations]
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
            tuple(sorted((annotations[k] for k in sorted(group)), key=lambda one: one.reader)),
            not ambiguous.isdisjoint(group),
        )
        for group in members.values()
    ]
    return sorted(nodules, key=_place)


def _points(annotation: Annotation, pixel_mm: tuple[float, float]) -> np.ndarray:
    """Points of all outlines, `(N, 3)` mm from the image's corner and in height."""
    return np.concatenate(
        [
            np.column_stack([one.points * pixel_mm, np.full(len(one.points), one.z_mm)])
            for one in annotation.contours
        ]
    )


def _close_pairs(points: Sequence[np.ndarray], tolerance_mm: float) -> list[tuple[float, int, int]]:
    """Pairs whose outlines come this close: distance of their centres in mm, indices."""
    if len(points) < 2:
        return []
    low = np.array([one.min(axis=0) for one in points])
    high = np.array([one.max(axis=0) for one in points])
    gap = np.maximum(0, np.maximum(low[:, None] - high, low - high[:, None]))
    near = np.argwhere(np.triu(np.linalg.norm(gap, axis=2) <= tolerance_mm, 1))
    center = [one.mean(axis=0) for one in points]
    trees = {int(i): cKDTree(points[i]) for i in np.unique(near[:, 0])}
    # a hair more, so that what stands just at the tolerance does not hang on rounding
    reach = tolerance_mm * (1 + 1e-6)
    return [
        # equal distances stay equal wherever in the image they are measured
        (round(float(np.linalg.norm(center[i] - center[j])), 6), int(i), int(j))
        for i, j in near
        if np.isfinite(trees[int(i)].query(points[j], distance_upper_bound=reach)[0]).any()
    ]


def _place(nodule: Nodule) -> tuple[float, float, float]:
    column, row, height = np.mean([one.center for one in nodule.annotations], axis=0)
    return float(height), float(row), float(column)
