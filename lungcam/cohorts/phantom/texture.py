"""Unevenness of tissue: clouds some centimetres wide."""

from collections.abc import Callable

import numpy as np

from lungcam.cohorts.phantom.scan import Grid


def smooth_cloud(
    rng: np.random.Generator, grid: Grid, step_mm: float = 13.0
) -> Callable[[slice], np.ndarray]:
    """Smooth random HU (standard deviation about 12) over a grid.

    Args:
        rng: Source of the values at knots.
        grid: The grid to fill.
        step_mm: Distance between the knots; in between, values are linear.

    Returns:
        A function from a slab of the grid's slices to HU, float32 of shape `(n, H, W)`.
    """
    low, high, share = [], [], []
    for axis in (grid.x, grid.y, grid.z):
        place = (axis - axis[0]) / np.float32(step_mm)
        low.append(place.astype(int))
        high.append(low[-1] + 1)
        share.append(place - low[-1])
    knots = rng.standard_normal([int(at[-1]) + 1 for at in reversed(high)], dtype=np.float32)
    knots *= 18

    def between(values: np.ndarray, axis: int, world: int, cut: slice) -> np.ndarray:
        weight = np.expand_dims(share[world][cut], tuple(i for i in range(3) if i != axis))
        start = values.take(low[world][cut], axis)
        return start + (values.take(high[world][cut], axis) - start) * weight

    def slab_texture(slab: slice) -> np.ndarray:
        whole = slice(None)
        return between(between(between(knots, 0, 2, slab), 1, 1, whole), 2, 0, whole)

    return slab_texture
