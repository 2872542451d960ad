"""Bootstrap over patients: how far a figure would move with other people.

A resample is held as a weight for each row, the number of times that its patient was drawn, so that
scores are sorted once and not for every resample.
"""

from collections.abc import Callable

import numpy as np

RESAMPLES = 2000
# weights held at once: 32 MB
HELD = 4_000_000

# from weights `(R, N)` to a figure, or a row of figures, for each resample
Statistic = Callable[[np.ndarray], np.ndarray]


def bootstrap(
    labels: np.ndarray, patients: np.ndarray, statistic: Statistic, seed: int = 0
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

    return resample_patients(patients, statistic, seed, has_both)


def resample_patients(
    patients: np.ndarray,
    statistic: Statistic,
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
        rows = min(missing, max(1, HELD // len(person)))
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
