"""Means and medians over lesions, with intervals over patients."""

import numpy as np

from lungcam.metrics.mean import share_interval
from lungcam.metrics.resampling import percentile_interval, resample_patients

AVERAGES_RULE = (
    "95 % percentile intervals of 2,000 bootstraps over patients; where a share is 0 or 1, so that "
    "no resample differs, Wilson's interval with one lesion a patient"
)


def mean_interval(values: np.ndarray, patients: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a mean of values in [0, 1].

    Args:
        values: `(N,)`, one or more.
        patients: `(N,)` patient of each; whole patients are resampled.
        seed: Of the resampling.

    Returns:
        Lower and upper bound; Wilson's where all values are 0 or all are 1, and NaN where they are
        otherwise equal.
    """
    if np.all(values == values[0]) and values[0] in (0, 1):
        return share_interval(float(values[0]), len(np.unique(patients)))
    return percentile_interval(
        resample_patients(patients, lambda w: (w @ values) / w.sum(axis=1), seed)
    )


def median(values: np.ndarray) -> float:
    """Lower median: it is one of the values, so that it may be infinite."""
    return float(weighted_median(values, np.ones((1, len(values))))[0])


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Least value that half of the weight does not exceed.

    Args:
        values: `(N,)`.
        weights: `(R, N)`.

    Returns:
        `(R,)`.
    """
    order = np.argsort(values, kind="stable")
    below = weights[:, order].cumsum(axis=1)
    return values[order][(below >= below[:, -1:] / 2).argmax(axis=1)]


def median_interval(values: np.ndarray, patients: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a median, as `mean_interval`; its bounds are values, and may be infinite."""
    figures = np.sort(resample_patients(patients, lambda w: weighted_median(values, w), seed))
    if figures[0] == figures[-1]:
        return np.nan, np.nan
    low, high = np.percentile(figures, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)
