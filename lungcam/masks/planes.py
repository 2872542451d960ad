"""Distance of parallel planes, some of them missing."""

from collections.abc import Sequence

import numpy as np

# planes closer than this are the same
SAME_PLANE_MM = 0.02
# a plane may lie off its even place by this share of the step, or by this much: rounded positions
UNEVEN_SHARE, UNEVEN_MM = 0.02, 0.06
# a candidate may be a rounded gap
SAME_STEP = 0.1


def distinct(heights: np.ndarray) -> np.ndarray:
    """Return the distinct heights of planes in mm, ascending."""
    ordered = np.unique(heights)
    return ordered[np.diff(ordered, prepend=-np.inf) > SAME_PLANE_MM]


def plane_step(heights: np.ndarray, candidates: Sequence[float | None]) -> float | None:
    """Return the distance of neighbouring planes: the first candidate that all gaps hold.

    Args:
        heights: `(n,)` distinct heights of the planes in mm, ascending.
        candidates: Distances in mm, the preferred one first; None and 0 are ignored.

    Returns:
        The distance, adjusted to the heights; None if no candidate fits.
    """
    gaps = np.diff(heights)
    for step in filter(None, candidates):
        counts = np.rint(gaps / step)
        if not len(gaps):
            return float(step)
        if counts.min() < 1:
            continue
        # the mean of rounded gaps is exact
        mean = float(gaps.sum() / counts.sum())
        error = np.abs(np.cumsum(gaps - counts * mean)).max()
        if error <= max(UNEVEN_MM, UNEVEN_SHARE * mean) and abs(mean / step - 1) < SAME_STEP:
            return mean
    return None
