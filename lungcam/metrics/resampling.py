"""Bootstrap over patients, and intervals of means, medians and shares.

A resample is held as a weight for each row, the number of times that its patient was drawn, so that
scores are sorted once and not for every resample.
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy

RESAMPLES = 2000
# weights held in memory at once: 32 MB
MAX_WEIGHTS = 4_000_000
AVERAGES_RULE = (
    "95 % percentile intervals of 2,000 bootstraps over patients; where a share is 0 or 1, so that "
    "no resample differs, Wilson's interval with one lesion a patient"
)

# from weights `(R, N)` to a value, or a row of values, for each resample
Statistic = Callable[[np.ndarray], np.ndarray]


def bootstrap(
    labels: np.ndarray, patients: np.ndarray, *, statistic: Statistic, seed: int = 0
) -> np.ndarray:
    """Compute a statistic on `RESAMPLES` resamples of whole patients that hold both labels.

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        patients: `(N,)` patient of each row; all rows of a patient are drawn together.
        statistic: Maps weights `(R, N)` to `(R,)` or `(R, K)`.
        seed: Seed of the resampling.

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
    """Compute a statistic on `RESAMPLES` resamples of whole patients.

    Args:
        patients: `(N,)` patient of each row; all rows of a patient are drawn together.
        statistic: Maps weights `(R, N)` to `(R,)` or `(R, K)`.
        seed: Seed of the resampling.
        usable: Maps weights `(R, N)` to `(R,)` bool; resamples that are not usable are drawn again,
            so at least some must be. None: all are usable.

    Returns:
        `(RESAMPLES,)` or `(RESAMPLES, K)`.
    """
    generator = np.random.default_rng(seed)
    names, patient_index = np.unique(patients, return_inverse=True)
    values: list[np.ndarray] = []
    missing = RESAMPLES
    while missing:
        rows = min(missing, max(1, MAX_WEIGHTS // len(patient_index)))
        draws = generator.integers(0, len(names), (rows, len(names)))
        bins = draws + len(names) * np.arange(rows)[:, None]
        counts = np.bincount(bins.ravel(), minlength=rows * len(names))
        weights = counts.reshape(rows, len(names)).astype(float)[:, patient_index]
        if usable is not None:
            weights = weights[usable(weights)]
        if len(weights):
            values.append(statistic(weights))
            missing -= len(weights)
    return np.concatenate(values)


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of bootstrap values `(R,)`; NaN where they have no spread.

    A statistic that no resample moves, such as the sensitivity of a net without an error, is not
    known for certain: this bootstrap cannot bound it. Resamples with the value NaN, in which
    nothing can be compared, are left out.
    """
    values = values[~np.isnan(values)]
    if len(values) == 0 or np.ptp(values) == 0:
        return np.nan, np.nan
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_mean(
    values: np.ndarray, patients: np.ndarray, *, seed: int = 0
) -> tuple[float, float, float]:
    """Compute a mean and its 95 % percentile interval over resamples of whole patients.

    Args:
        values: `(N,)`, one or more.
        patients: `(N,)` patient of each value.
        seed: Seed of the resampling.

    Returns:
        Mean, lower and upper bound; the bounds are NaN where no resample moves the mean.
    """
    means = resample_patients(patients, weighted_mean(values), seed=seed)
    # means of the same values in another order differ by a rounding error
    low, high = percentile_interval(means.round(12))
    return float(np.mean(values)), low, high


def mean_interval(
    values: np.ndarray, patients: np.ndarray, *, seed: int = 0
) -> tuple[float, float]:
    """Compute the 95 % interval of a mean of values in [0, 1].

    Args:
        values: `(N,)`, one or more.
        patients: `(N,)` patient of each value; whole patients are resampled.
        seed: Seed of the resampling.

    Returns:
        Lower and upper bound; Wilson's where all values are 0 or all are 1, and NaN where all have
        another common value.
    """
    if np.all(values == values[0]) and values[0] in (0, 1):
        return share_interval(float(values[0]), len(np.unique(patients)))
    return percentile_interval(resample_patients(patients, weighted_mean(values), seed=seed))


def weighted_mean(values: np.ndarray) -> Statistic:
    """Return a function from weights `(R, N)` to the weighted means `(R,)` of values `(N,)`."""
    return lambda weights: (weights @ values) / weights.sum(axis=1)


def median(values: np.ndarray) -> float:
    """Return the lower median: one of the values, so that it may be infinite."""
    return float(weighted_median(values, np.ones((1, len(values))))[0])


def median_interval(
    values: np.ndarray, patients: np.ndarray, *, seed: int = 0
) -> tuple[float, float]:
    """Compute the 95 % interval of a median over resamples of whole patients.

    Arguments are those of `mean_interval`.

    Returns:
        Lower and upper bound, each one of the values and possibly infinite; NaN where no resample
        moves the median.
    """
    medians = np.sort(
        resample_patients(patients, lambda weights: weighted_median(values, weights), seed=seed)
    )
    if medians[0] == medians[-1]:
        return np.nan, np.nan
    low, high = np.percentile(medians, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the least value that half of the weight does not exceed.

    Args:
        values: `(N,)`.
        weights: `(R, N)`.

    Returns:
        `(R,)`.
    """
    order = np.argsort(values, kind="stable")
    below = weights[:, order].cumsum(axis=1)
    return values[order][(below >= below[:, -1:] / 2).argmax(axis=1)]


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of `n`; `share * n` is rounded to whole cases."""
    interval = scipy.stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def share_difference_interval(share: float, other: float, *, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares of `n`.

    Newcombe, Interval estimation for the difference between independent proportions, Stat Med
    1998;17:873-890, method 10. Unlike a bootstrap it has a width where one share is 1 and the
    other 0; for shares of the same samples it is wide rather than narrow.
    """
    (low, high), (other_low, other_high) = share_interval(share, n), share_interval(other, n)
    difference = share - other
    return (
        float(difference - np.hypot(share - low, other_high - other)),
        float(difference + np.hypot(high - share, other - other_low)),
    )


def wilson_interval(successes: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % score intervals of shares (Wilson, 1927).

    Args:
        successes: `(B,)` counts.
        trials: `(B,)` counts, above 0.

    Returns:
        Lower and upper bounds, `(B,)` each.
    """
    z = 1.959964
    share = successes / trials
    center = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)


def json_number(value: float) -> float | None:
    """Return a number for JSON: None in place of NaN."""
    return None if np.isnan(value) else value


def json_interval(bounds: Sequence[float]) -> list[float | None]:
    """Return the bounds of an interval for JSON: None in place of NaN."""
    return [json_number(bound) for bound in bounds]
