"""Area under the ROC curve, and how far it can be trusted."""

import numpy as np
from scipy.stats import rankdata

from lungcam.metrics.cuts import cuts
from lungcam.metrics.resampling import RESAMPLES, Statistic, bootstrap, percentile_interval

INTERVAL_RULE = (
    f"95 % percentile interval of {RESAMPLES} bootstrap resamples of patients; where the scores "
    "separate the labels without error the bootstrap has no spread, and Newcombe's method 5 "
    "(Stat Med 2006;25:559) gives the interval"
)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counted half (Mann-Whitney).

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.

    Returns:
        In [0, 1]; NaN where one class is missing.
    """
    positive = int(labels.sum())
    negative = len(labels) - positive
    if positive == 0 or negative == 0:
        return float("nan")
    above = rankdata(scores)[labels == 1].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def weighted_auc(labels: np.ndarray, scores: np.ndarray) -> Statistic:
    """Function that gives the AUC of every row of weights `(R, N)` as `(R,)`.

    A weight of 2 counts as the row twice; NaN where the weights leave one class.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)`.
    """
    sorted_once = cuts(labels, scores)

    def of(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_once.groups(weights)
        # negatives with a lower score, and half of those with the same
        below = negative.sum(axis=1, keepdims=True) - negative.cumsum(axis=1) + negative / 2
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        won = (positive * below).sum(axis=1)
        return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)

    return of


def auc_interval(
    labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the AUC by `INTERVAL_RULE`.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)`.
        patients: `(N,)` patient of each score; whole patients are resampled.
        seed: Of the resampling.

    Returns:
        Lower and upper bound; NaN where one class is missing.
    """
    estimate = auc(labels, scores)
    if np.isnan(estimate):
        return np.nan, np.nan
    if estimate in (0.0, 1.0):
        return newcombe_interval(estimate, int(labels.sum()), int((1 - labels).sum()))
    return percentile_interval(bootstrap(labels, patients, weighted_auc(labels, scores), seed))


def newcombe_interval(estimate: float, n_positive: int, n_negative: int) -> tuple[float, float]:
    """95 % score-like interval of an AUC from its value and the two counts.

    Newcombe, Confidence intervals for an effect size measure based on the Mann-Whitney statistic,
    part 2, Stat Med 2006;25:559-573, method 5: the values whose own Hanley-McNeil variance, with
    both counts replaced by their mean, puts the estimate within 1.96 standard errors.
    """
    values = np.linspace(0, 1, 200_001)
    mean_count = (n_positive + n_negative) / 2 - 1
    variance = (
        values
        * (1 - values)
        / (n_positive * n_negative)
        * (1 + mean_count * ((1 - values) / (2 - values) + values / (1 + values)))
    )
    within = values[np.abs(values - estimate) <= 1.959964 * np.sqrt(variance) + 1e-12]
    return float(within.min()), float(within.max())
