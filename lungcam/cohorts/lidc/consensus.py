"""Outlines turned into voxels.

The edge map is the first pixel outside what is outlined, so a drawn pixel never belongs to it: on
LIDC-IDRI-0001 the mean HU of the drawn pixels lies far below that of what they surround. The same
holds of what is taken away: of the collection's 992 such outlines 413 surround just one pixel, and
16 none.

A nodule: the marks of several readers that mean the same.

Which marks of several readers mean the same nodule.

noduleIDs are each reader's own, so marks are joined where their outlines come close. A reader who
drew two nodules saw two: no nodule takes two marks of one reader, which also keeps four marks the
most. Where outlines of more marks meet, those whose centres are nearest join first. (To shrink the
distance until a cluster has at most four marks, as is often done, breaks apart marks that nest in
each other: on the 1,018 series it counts 2,720 nodules, this rule 2,672; LIDC's own count by
patient, lidc-idri_nodule_counts-6-23-2015.xlsx on The Cancer Imaging Archive, is 2,669.)
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from lungcam.cohorts.lidc.annotation import Annotation, Contour
from lungcam.errors import InputError

STATISTICS = {"mean": statistics.fmean, "median": statistics.median}


@dataclass(frozen=True, eq=False)
class Nodule:
    """A nodule of 3 mm or more.

    Attributes:
        annotations: Of the readers who marked it, sorted by reader.
        ambiguous: Whether its marks meet those of another nodule, and were parted only because one
            reader drew both.
    """

    annotations: tuple[Annotation, ...]
    ambiguous: bool = False

    @property
    def readers(self) -> tuple[int, ...]:
        """Who marked it, sorted, each once."""
        return tuple(sorted({one.reader for one in self.annotations}))

    def rating(self, name: str, statistic: str = "mean") -> float:
        """Mean or median over its annotations of a rating.

        Raises:
            InputError: No annotation has this rating.
        """
        values = [one.ratings[name] for one in self.annotations if name in one.ratings]
        if not values:
            raise InputError(f"No reader gave {name}; choose another rating.")
        return float(STATISTICS[statistic](values))


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


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels of a volume, in a box of it.

    Attributes:
        start: Index in the volume of the box's first voxel.
        mask: `(w, h, d)`, bool.
    """

    start: tuple[int, int, int]
    mask: np.ndarray

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The box as slices of the volume."""
        x, y, z = (
            slice(at, at + size) for at, size in zip(self.start, self.mask.shape, strict=True)
        )
        return x, y, z


def draw(
    contours: Iterable[Contour],
    slice_of: Callable[[Contour], int | None],
    *,
    shape: tuple[int, int, int],
) -> Region | None:
    """Fill one reader's outlines.

    A pixel is inside where a ray from it crosses the outline an odd number of times, so the hole of
    an outline that runs in and back on one way stays open. Several outlines on a slice add up;
    those that are not included are taken away.

    Args:
        contours: Of one or more annotations of a reader.
        slice_of: Index of an outline's slice, None where there is none.
        shape: `(W, H, D)` of the volume; an outline that leaves it is passed over.

    Returns:
        The nodule's voxels, None where no outline could be drawn.
    """
    filled: dict[bool, list[tuple[int, np.ndarray, np.ndarray]]] = {True: [], False: []}
    limits = np.array(shape[:2])
    for one in contours:
        k = slice_of(one)
        if k is not None and (one.points >= 0).all() and (one.points < limits).all():
            filled[one.included].append((k, *_fill(one.points)))
    if not filled[True]:
        return None
    slices = [k for k, *_ in filled[True]]
    low = np.min([corner for _, corner, _ in filled[True]], axis=0)
    high = np.max([corner + inside.shape for _, corner, inside in filled[True]], axis=0)
    start = (int(low[0]), int(low[1]), min(slices))
    mask = np.zeros((*(high - low), max(slices) + 1 - start[2]), bool)
    for included in (True, False):
        for k, corner, inside in filled[included]:
            k -= start[2]
            if not 0 <= k < mask.shape[2]:
                continue
            here, there = _overlap(corner - low, inside.shape, limits=mask.shape[:2])
            if included:
                mask[(*here, k)] |= inside[there]
            else:
                mask[(*here, k)] &= ~inside[there]
    return Region(start, mask)


def consensus(regions: Sequence[Region], share: float = 0.5) -> Region:
    """Voxels that at least this share of the readers drew, in the smallest box.

    Where no voxel is drawn by so many, those of any reader count.

    Args:
        regions: One for each reader who marked the nodule.
        share: Above 0, up to 1.

    Returns:
        The region; its mask is all False only where no reader's outline surrounds a pixel.
    """
    low = np.min([one.start for one in regions], axis=0)
    high = np.max([np.add(one.start, one.mask.shape) for one in regions], axis=0)
    votes = np.zeros(high - low, np.uint8)
    for one in regions:
        box = tuple(
            slice(at, at + size)
            for at, size in zip(np.subtract(one.start, low), one.mask.shape, strict=True)
        )
        votes[box] += one.mask
    mask = votes >= share * len(regions)
    if not mask.any():
        mask = votes > 0
    if mask.any():
        places = np.argwhere(mask)
        first, last = places.min(axis=0), places.max(axis=0) + 1
        mask = mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))].copy()
        low = low + first
    x, y, z = (int(at) for at in low)
    return Region((x, y, z), mask)


def _fill(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corner (column, row) of an outline's box, and the pixels within the outline, `(w, h)`."""
    chain = _chain(points)
    corner = chain.min(axis=0)
    x, y = (chain - corner).T
    edge = np.zeros((x.max() + 1, y.max() + 1), bool)
    edge[x, y] = True
    after_x, after_y = np.roll(x, -1), np.roll(y, -1)
    # a step up or down crosses the ray that runs between the two rows
    climbs = np.flatnonzero(after_y != y)
    lower = np.where(y[climbs] < after_y[climbs], climbs, -1)
    at_x = np.where(lower >= 0, x[climbs], after_x[climbs])
    at_y = np.minimum(y[climbs], after_y[climbs])
    crossings = np.zeros(edge.shape, np.int32)
    np.add.at(crossings, (at_x, at_y), 1)
    inside = (crossings.cumsum(axis=0) % 2 == 1) & ~edge
    return corner, inside


def _chain(points: np.ndarray) -> np.ndarray:
    """The closed outline with every pixel between its points: no step is longer than one pixel."""
    points = points.astype(np.int64)
    way = np.roll(points, -1, axis=0) - points
    steps = np.abs(way).max(axis=1)
    if not steps.any():
        return points[:1]
    first = np.repeat(np.cumsum(steps) - steps, steps)
    share = (np.arange(steps.sum()) - first) / np.repeat(steps, steps)
    between = np.rint(np.repeat(way, steps, axis=0) * share[:, None]).astype(np.int64)
    return np.repeat(points, steps, axis=0) + between


def _overlap(
    corner: np.ndarray, size: tuple[int, int], *, limits: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a patch lies in a plane, and the part of the patch that does."""
    here, there = [], []
    for at, n, limit in zip(corner.tolist(), size, limits, strict=True):
        first, last = min(max(at, 0), limit), min(max(at + n, 0), limit)
        here.append(slice(first, last))
        there.append(slice(first - at, max(last - at, first - at)))
    return (here[0], here[1]), (there[0], there[1])
