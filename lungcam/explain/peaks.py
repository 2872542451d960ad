"""Peaks of a map: the places that it points at, with their heights."""

import numpy as np
from scipy.ndimage import label, maximum_filter

from lungcam.grid import Grid

# of peaks nearer than this only the highest is kept
MIN_PEAK_DISTANCE_MM = 10.0
# peaks per map; at 8 false positives a scan, weaker ones have no effect
MAX_PEAKS = 50


def peak_mm(heat: np.ndarray, cells: Grid) -> np.ndarray:
    """Return the RAS mm of a map's highest cell.

    Args:
        heat: `(w, h, d)` map.
        cells: Grid of its cells, from `cell_grid`.

    Returns:
        `(3,)` position; NaN where no cell is above 0 and so the map points nowhere.
    """
    if not heat.max() > 0:
        return np.full(3, np.nan)
    return cells.to_world(np.unravel_index(int(np.argmax(heat)), heat.shape))


def peaks(
    heat: np.ndarray,
    cells: Grid,
    *,
    min_distance_mm: float = MIN_PEAK_DISTANCE_MM,
    max_peaks: int = MAX_PEAKS,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the local maxima of a map, the highest first.

    A peak is a cell above 0 that none of its 26 neighbours exceeds. Its place is refined between
    cells, see `refine_peak`; adjacent equal cells are one peak in their middle. Of peaks nearer
    than `min_distance_mm` the highest is kept.

    Args:
        heat: `(w, h, d)` map; only values above 0 count.
        cells: Grid of its cells.
        min_distance_mm: Least distance of two peaks.
        max_peaks: Greatest number of peaks to return.

    Returns:
        `(N, 3)` RAS mm and `(N,)` heights; empty where no cell is above 0.
    """
    heat = np.where(np.isfinite(heat), heat, 0)
    tops = (heat > 0) & (heat == maximum_filter(heat, size=3, mode="nearest"))
    groups, count = label(tops, np.ones((3, 3, 3)))
    ends = np.cumsum(np.bincount(groups[tops], minlength=count + 1)[1:])
    members = np.split(np.argwhere(tops)[np.argsort(groups[tops], kind="stable")], ends[:-1])
    height = np.array([heat[tuple(group[0])] for group in members if len(group)])
    places, heights = [], []
    for group in np.argsort(-height, kind="stable"):
        if len(places) == max_peaks:
            break
        index = np.mean([refine_peak(heat, cell) for cell in members[group]], axis=0)
        place = cells.to_world(index)
        if all(np.linalg.norm(place - other) >= min_distance_mm for other in places):
            places.append(place)
            heights.append(height[group])
    return np.array(places).reshape(-1, 3), np.array(heights, float)


def refine_peak(heat: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the fractional index of a maximum: the top of a parabola through three cells per axis.

    Args:
        heat: `(w, h, d)` map.
        index: `(3,)` a cell that no neighbour exceeds.

    Returns:
        `(3,)`, at most half a cell away along each axis; at a border the cell's own.
    """
    refined = np.asarray(index, float).copy()
    for axis in range(3):
        if not 0 < index[axis] < heat.shape[axis] - 1:
            continue
        line = tuple(slice(None) if other == axis else index[other] for other in range(3))
        before, top, after = heat[line][index[axis] - 1 : index[axis] + 2].astype(float)
        curvature = before - 2 * top + after
        if curvature < 0:
            refined[axis] += np.clip((before - after) / (2 * curvature), -0.5, 0.5)
    return refined
