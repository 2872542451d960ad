"""Voxels of a nodule: contours filled to regions, and the consensus of several readers.

A contour's points are the first pixels outside the outlined region, so they never belong to it: on
LIDC-IDRI-0001 the mean HU of the drawn pixels is far below that of the enclosed ones. The same
holds for excluded regions: of the collection's 992 such contours, 413 enclose just one pixel and 16
enclose none.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.cohorts.lidc.annotation import Contour


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels of a volume, within a box of it.

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
            slice(first, first + size)
            for first, size in zip(self.start, self.mask.shape, strict=True)
        )
        return x, y, z


def fill_contours(
    contours: Iterable[Contour],
    slice_of: Callable[[Contour], int | None],
    *,
    shape: tuple[int, int, int],
) -> Region | None:
    """Fill the contours of one reader.

    A pixel is inside if a ray from it crosses the contour an odd number of times, so the hole of a
    contour that runs in and back along one path stays open. Several contours on a slice are joined;
    then those that are not included are subtracted.

    Args:
        contours: Contours of one or more annotations of a reader.
        slice_of: Function that returns the index of a contour's slice, None if there is none.
        shape: `(W, H, D)` of the volume; contours that leave it are skipped.

    Returns:
        Voxels of the nodule; None if no contour could be filled.
    """
    filled: dict[bool, list[tuple[int, np.ndarray, np.ndarray]]] = {True: [], False: []}
    limits = np.array(shape[:2])
    for contour in contours:
        k = slice_of(contour)
        points = contour.points
        if k is not None and (points >= 0).all() and (points < limits).all():
            filled[contour.included].append((k, *_fill(points)))
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
            target, source = _overlap(corner - low, inside.shape, limits=mask.shape[:2])
            if included:
                mask[(*target, k)] |= inside[source]
            else:
                mask[(*target, k)] &= ~inside[source]
    return Region(start, mask)


def consensus(regions: Sequence[Region], share: float = 0.5) -> Region:
    """Return the voxels that at least this share of the readers outlined, in the smallest box.

    If no voxel reaches the share, the voxels of any reader count.

    Args:
        regions: One region for each reader of the nodule.
        share: Fraction of the readers, above 0 and up to 1.

    Returns:
        The region; its mask is all False only if no reader's contours enclose a pixel.
    """
    low = np.min([region.start for region in regions], axis=0)
    high = np.max([np.add(region.start, region.mask.shape) for region in regions], axis=0)
    votes = np.zeros(high - low, np.uint8)
    for region in regions:
        box = tuple(
            slice(first, first + size)
            for first, size in zip(np.subtract(region.start, low), region.mask.shape, strict=True)
        )
        votes[box] += region.mask
    mask = votes >= share * len(regions)
    if not mask.any():
        mask = votes > 0
    if mask.any():
        voxels = np.argwhere(mask)
        first, last = voxels.min(axis=0), voxels.max(axis=0) + 1
        mask = mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))].copy()
        low = low + first
    x, y, z = (int(index) for index in low)
    return Region((x, y, z), mask)


def _fill(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return corner (column, row) of a contour's box, and the pixels inside it, `(w, h)`."""
    chain = _chain(points)
    corner = chain.min(axis=0)
    x, y = (chain - corner).T
    edge = np.zeros((x.max() + 1, y.max() + 1), bool)
    edge[x, y] = True
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    # a step up or down crosses the ray that runs between the two rows
    steps = np.flatnonzero(next_y != y)
    lower = np.where(y[steps] < next_y[steps], steps, -1)
    crossing_x = np.where(lower >= 0, x[steps], next_x[steps])
    crossing_y = np.minimum(y[steps], next_y[steps])
    crossings = np.zeros(edge.shape, np.int32)
    np.add.at(crossings, (crossing_x, crossing_y), 1)
    inside = (crossings.cumsum(axis=0) % 2 == 1) & ~edge
    return corner, inside


def _chain(points: np.ndarray) -> np.ndarray:
    """Return the closed contour with all pixels between its points, in steps of one pixel."""
    points = points.astype(np.int64)
    step = np.roll(points, -1, axis=0) - points
    counts = np.abs(step).max(axis=1)
    if not counts.any():
        return points[:1]
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
    between = np.rint(np.repeat(step, counts, axis=0) * share[:, None]).astype(np.int64)
    return np.repeat(points, counts, axis=0) + between


def _overlap(
    corner: np.ndarray, size: tuple[int, int], *, limits: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the part of a plane that a patch covers, and the same part of the patch."""
    target, source = [], []
    for start, length, limit in zip(corner.tolist(), size, limits, strict=True):
        first, last = min(max(start, 0), limit), min(max(start + length, 0), limit)
        target.append(slice(first, last))
        source.append(slice(first - start, max(last - start, first - start)))
    return (target[0], target[1]), (source[0], source[1])
