"""Outlines as LIDC's readers drew them: the first pixels outside a region, in order."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# up, right, down, left in (column, row), rows growing downwards
WAYS = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed line on one slice.

    Attributes:
        index: The slice, from 0.
        included: Whether what it encloses belongs to the nodule; False for a hole in it.
        points: `(N, 2)` int pixels (column, row); the last is the first.
    """

    index: int
    included: bool
    points: np.ndarray


def outlines(mask: np.ndarray) -> list[Outline]:
    """Outline a mask slice by slice: its parts, then the holes in them.

    Args:
        mask: `(W, H, D)` bool, nothing on its outermost columns and rows.
    """
    found = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        here = mask[:, :, k]
        holes = ndimage.binary_fill_holes(here) & ~here
        for region, included in ((here, True), (holes, False)):
            parts, count = ndimage.label(region)
            found += [Outline(int(k), included, trace(parts == i + 1)) for i in range(count)]
    return found


def trace(region: np.ndarray) -> np.ndarray:
    """Walk once around a region and note the pixels just outside.

    Args:
        region: `(W, H)` bool, one part whose pixels hang together by their sides.

    Returns:
        `(N, 2)` int (column, row), each a neighbour of the one before, the last the first again.
    """
    inside = set(map(tuple, np.argwhere(region).tolist()))
    # of the highest row's pixels, each has the outside above
    start = (min(inside, key=lambda pixel: (pixel[1], pixel[0])), 0)
    (x, y), way = start
    points = []
    while not points or ((x, y), way) != start:
        (dx, dy), (tx, ty) = WAYS[way].tolist(), WAYS[(way + 1) % 4].tolist()
        if not points or points[-1] != (x + dx, y + dy):
            points.append((x + dx, y + dy))
        if (x + tx, y + ty) not in inside:
            way = (way + 1) % 4
        elif (x + tx + dx, y + ty + dy) in inside:
            x, y, way = x + tx + dx, y + ty + dy, (way - 1) % 4
        else:
            x, y = x + tx, y + ty
    if points[-1] != points[0]:
        points.append(points[0])
    return np.array(points)
