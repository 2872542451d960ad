"""A volume on a coarser or finer grid over the same box, one axis after the other."""

import numpy as np


def resampling_weights(n: int, m: int) -> np.ndarray:
    """`(m, n)` weights from n voxels to m over the same length.

    Fewer voxels are averages under a triangle. More voxels follow a quadratic B-spline: between
    thick slices its slope is continuous, where linear interpolation would draw a contour at each.
    """
    centre = (np.arange(m) + 0.5) * n / m - 0.5
    away = np.abs(np.arange(n) - centre[:, None])
    if n >= m:
        weights = np.maximum(0.0, 1 - away * m / n)
    else:
        weights = np.where(away < 0.5, 0.75 - away**2, 0.5 * np.maximum(0.0, 1.5 - away) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resample(values: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Apply such weights along each axis of `(W, H, D)` values; float32."""
    values = np.asarray(values, dtype=np.float32)
    for along in weights:
        # One large product an axis: many small ones wait for each other on a busy machine.
        n, *rest = values.shape
        values = (along @ values.reshape(n, -1)).reshape(-1, *rest).transpose(1, 2, 0)
    return values
