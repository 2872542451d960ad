"""Sensitivity at a fixed specificity."""

import numpy as np

from lungcam.metrics.cuts import cuts
from lungcam.metrics.resampling import Statistic, bootstrap, percentile_interval

SENSITIVITY_RULE = (
    "highest sensitivity of all cut-offs of the split's own scores at which at least the named "
    "share of its negatives is not called; it describes the ROC curve, and is no operating point "
    "chosen beforehand"
)
# 0.1 of 10 negatives is one of them, whatever the floating point makes of it
ROUNDING = 1e-9


def sensitivity_at(labels: np.ndarray, scores: np.ndarray, specificity: float) -> float:
    """Sensitivity by `SENSITIVITY_RULE`.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        specificity: In [0, 1].

    Returns:
        In [0, 1]; NaN where one class is missing.
    """
    if labels.min() == labels.max():
        return float("nan")
    of = weighted_sensitivity(labels, scores, specificity)
    return float(of(np.ones((1, len(labels))))[0])


def weighted_sensitivity(labels: np.ndarray, scores: np.ndarray, specificity: float) -> Statistic:
    """Function that gives `sensitivity_at` of every row of weights `(R, N)`, each of two classes.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)`.
        specificity: In [0, 1].
    """
    sorted_once = cuts(labels, scores)

    def of(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_once.groups(weights)
        false = negative.cumsum(axis=1) / negative.sum(axis=1, keepdims=True)
        allowed = false <= 1 - specificity + ROUNDING
        # 0 where even the highest scores hold too many negatives: nothing is called then
        found = (positive.cumsum(axis=1) * allowed).max(axis=1)
        return found / positive.sum(axis=1)

    return of


def sensitivity_interval(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    specificity: float,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval over resamples of patients; the cut-off is found anew in each.

    Returns:
        Lower and upper bound; NaN where one class is missing or no resample differs.
    """
    if labels.min() == labels.max():
        return np.nan, np.nan
    of = weighted_sensitivity(labels, scores, specificity)
    return percentile_interval(bootstrap(labels, patients, of, seed))
