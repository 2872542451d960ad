"""Bootstrap over patients: how far a figure would move with other people.

A resample is held as a weight for each row, the number of times that its patient was drawn, so that
scores are sorted once and not for every resample.

Intervals of means and of shares, where there is no second label to resample with.

Means and medians over lesions, with intervals over patients.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 2000
# weights held at once: 32 MB
MAX_WEIGHTS = 4_000_000

# from weights `(R, N)` to a figure, or a row of figures, for each resample
Statistic = Callable[[np.ndarray], np.ndarray]


def bootstrap(
    labels: np.ndarray, patients: np.ndarray, *, statistic: Statistic, seed: int = 0
) -> np.ndarray:
    """Figures of `RESAMPLES` resamples of whole patients; those without both labels are redrawn.

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        patients: `(N,)` patient of each row; all rows of one are drawn together.
        statistic: Maps weights `(R, N)` to `(R,)` or `(R, K)`.
        seed: Of the resampling.

    Returns:
        `(RESAMPLES,)` or `(RESAMPLES, K)`.

    Raises:
        ValueError: There is one label only.
    """
    positive = labels == 1
    if positive.all() or not positive.any():
        raise ValueError("A bootstrap needs samples of both labels.")

    def has_both(weights: np.ndarray) -> np.ndarray:
        return (weights[:, positive].sum(axis=1) > 0) & (weights[:, ~positive].sum(axis=1) > 0)

    return resample_patients(patients, statistic, seed=seed, usable=has_both)


def resample_patients(
    patients: np.ndarray,
    statistic: Statistic,
    *,
    seed: int = 0,
    usable: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Figures of `RESAMPLES` resamples of whole patients.

    Args:
        patients: `(N,)` patient of each row; all rows of one are drawn together.
        statistic: Maps weights `(R, N)` to `(R,)` or `(R, K)`.
        seed: Of the resampling.
        usable: Maps weights `(R, N)` to `(R,)` bool: a resample that is not is drawn anew. Some
            must be. None: all are.

    Returns:
        `(RESAMPLES,)` or `(RESAMPLES, K)`.
    """
    generator = np.random.default_rng(seed)
    names, person = np.unique(patients, return_inverse=True)
    figures: list[np.ndarray] = []
    missing = RESAMPLES
    while missing:
        rows = min(missing, max(1, MAX_WEIGHTS // len(person)))
        drawn = generator.integers(0, len(names), (rows, len(names)))
        places = drawn + len(names) * np.arange(rows)[:, None]
        counts = np.bincount(places.ravel(), minlength=rows * len(names))
        weights = counts.reshape(rows, len(names)).astype(float)[:, person]
        kept = weights if usable is None else weights[usable(weights)]
        if len(kept):
            figures.append(statistic(kept))
            missing -= len(kept)
    return np.concatenate(figures)


def percentile_interval(figures: np.ndarray) -> tuple[float, float]:
    """95 % interval of a bootstrap's figures `(R,)`; NaN where they have no spread.

    A figure that no resample moves, such as the sensitivity of a net without an error, is not
    known for certain: this bootstrap can say nothing of it. Resamples of which the figure is NaN,
    as nothing in them can be compared, are left out.
    """
    told = figures[~np.isnan(figures)]
    if len(told) == 0 or np.ptp(told) == 0:
        return np.nan, np.nan
    low, high = np.percentile(told, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_mean(
    values: np.ndarray, patients: np.ndarray, *, seed: int = 0
) -> tuple[float, float, float]:
    """Mean with its 95 % percentile interval over resamples of whole patients.

    Args:
        values: `(N,)`, one or more.
        patients: `(N,)` patient of each.
        seed: Of the resampling.

    Returns:
        Mean, lower and upper bound; the bounds are NaN where no resample moves the mean.
    """
    means = resample_patients(patients, lambda w: (w @ values) / w.sum(axis=1), seed=seed)
    # means of the same values in another order differ by a rounding error
    low, high = percentile_interval(means.round(12))
    return float(np.mean(values)), low, high


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `n`; a mean of shares is rounded to whole cases."""
    interval = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def share_difference_interval(share: float, other: float, *, n: int) -> tuple[float, float]:
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


AVERAGES_RULE = (
    "95 % percentile intervals of 2,000 bootstraps over patients; where a share is 0 or 1, so that "
    "no resample differs, Wilson's interval with one lesion a patient"
)


def mean_interval(
    values: np.ndarray, patients: np.ndarray, *, seed: int = 0
) -> tuple[float, float]:
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
        resample_patients(patients, lambda w: (w @ values) / w.sum(axis=1), seed=seed)
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


def median_interval(
    values: np.ndarray, patients: np.ndarray, *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a median, as `mean_interval`; its bounds are values, and may be infinite."""
    figures = np.sort(resample_patients(patients, lambda w: weighted_median(values, w), seed=seed))
    if figures[0] == figures[-1]:
        return np.nan, np.nan
    low, high = np.percentile(figures, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)
