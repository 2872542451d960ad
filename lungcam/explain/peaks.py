"""The peaks of a map: where it points, and how strongly."""

import numpy as np
from scipy.ndimage import label, maximum_filter

from lungcam.grid import Grid

# nearer peaks are taken for one
MIN_PEAK_DISTANCE_MM = 10.0
# of one map; at 8 false positives a scan, weaker ones are of no account
MAX_PEAKS = 50


def peaks(
    heat: np.ndarray, cells: Grid, *, apart_mm: float = MIN_PEAK_DISTANCE_MM, most: int = MAX_PEAKS
) -> tuple[np.ndarray, np.ndarray]:
    """Find the local maxima of a map, the highest first.

    A peak is a cell above 0 that none of its 26 neighbours exceeds. Its place is told more finely
    than to a cell, see `refine_peak`; equal cells side by side are one peak in their middle. Of
    peaks nearer than `apart_mm` the highest stays.

    Args:
        heat: `(w, h, d)` map; only what is above 0 counts.
        cells: Where its cells stand.
        apart_mm: Least distance of two peaks.
        most: How many are given at most.

    Returns:
        `(N, 3)` RAS mm and `(N,)` heights; none where no cell is above 0.
    """
    heat = np.where(np.isfinite(heat), heat, 0)
    tops = (heat > 0) & (heat == maximum_filter(heat, size=3, mode="nearest"))
    groups, count = label(tops, np.ones((3, 3, 3)))
    ends = np.cumsum(np.bincount(groups[tops], minlength=count + 1)[1:])
    members = np.split(np.argwhere(tops)[np.argsort(groups[tops], kind="stable")], ends[:-1])
    height = np.array([heat[tuple(one[0])] for one in members if len(one)])
    places, heights = [], []
    for one in np.argsort(-height, kind="stable"):
        if len(places) == most:
            break
        index = np.mean([refine_peak(heat, cell) for cell in members[one]], axis=0)
        place = cells.to_world(index)
        if all(np.linalg.norm(place - other) >= apart_mm for other in places):
            places.append(place)
            heights.append(height[one])
    return np.array(places).reshape(-1, 3), np.array(heights, float)


def refine_peak(heat: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Fractional index of a maximum: along each axis the top of the parabola through three cells.

    Args:
        heat: `(w, h, d)` map.
        index: `(3,)` a cell that no neighbour exceeds.

    Returns:
        `(3,)`, at most half a cell away along each axis; at a border the cell's own.
    """
    found = np.asarray(index, float).copy()
    for axis in range(3):
        if not 0 < index[axis] < heat.shape[axis] - 1:
            continue
        line = tuple(slice(None) if one == axis else index[one] for one in range(3))
        before, top, behind = heat[line][index[axis] - 1 : index[axis] + 2].astype(float)
        bend = before - 2 * top + behind
        if bend < 0:
            found[axis] += np.clip((before - behind) / (2 * bend), -0.5, 0.5)
    return found
