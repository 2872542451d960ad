"""Intervals of means and of shares, where there is no second label to resample with."""

import numpy as np
from scipy.stats import binomtest

from lungcam.metrics.resampling import percentile_interval, resample_patients


def bootstrap_mean(
    values: np.ndarray, patients: np.ndarray, seed: int = 0
) -> tuple[float, float, float]:
    """Mean with its 95 % percentile interval over resamples of whole patients.

    Args:
        values: `(N,)`, one or more.
        patients: `(N,)` patient of each.
        seed: Of the resampling.

    Returns:
        Mean, lower and upper bound; the bounds are NaN where no resample moves the mean.
    """
    means = resample_patients(patients, lambda w: (w @ values) / w.sum(axis=1), seed)
    # means of the same values in another order differ by a rounding error
    low, high = percentile_interval(means.round(12))
    return float(np.mean(values)), low, high


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `n`; a mean of shares is rounded to whole cases."""
    interval = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def share_difference_interval(share: float, other: float, n: int) -> tuple[float, float]:
    """95 % interval of the difference of two shares of `n`.

    Newcombe, Interval estimation for the difference between independent proportions, Stat Med
    1998;17:873-890, method 10. It has a width where one share is 1 and the other 0, too, of which
    a bootstrap has none; for shares of the same samples it is wide rather than narrow.
    """
    (low, high), (other_low, other_high) = share_interval(share, n), share_interval(other, n)
    difference = share - other
    return (
        float(difference - np.hypot(share - low, other_high - other)),
        float(difference + np.hypot(high - share, other - other_low)),
    )
