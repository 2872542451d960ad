"""Area under the precision-recall curve, as average precision."""

import numpy as np

from lungcam.metrics.cuts import cuts
from lungcam.metrics.resampling import Statistic, bootstrap, percentile_interval

PR_AUC_RULE = (
    "average precision: the precision at each cut-off, weighted by the recall it adds, without "
    "interpolation; of random scores it is the share of positives"
)


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """PR-AUC by `PR_AUC_RULE`; equal scores are one cut-off.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.

    Returns:
        In [0, 1]; NaN where one class is missing.
    """
    if labels.min() == labels.max():
        return float("nan")
    return float(weighted_average_precision(labels, scores)(np.ones((1, len(labels))))[0])


def weighted_average_precision(labels: np.ndarray, scores: np.ndarray) -> Statistic:
    """Function that gives the PR-AUC of every row of weights `(R, N)`, each with a positive."""
    sorted_once = cuts(labels, scores)

    def of(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_once.groups(weights)
        found = positive.cumsum(axis=1)
        called = found + negative.cumsum(axis=1)
        # nothing is called above the first row with a weight: there is no recall to add either
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        return (positive * precision).sum(axis=1) / positive.sum(axis=1)

    return of


def average_precision_interval(
    labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval over resamples of patients, as of `auc_interval`.

    Returns:
        Lower and upper bound; NaN where one class is missing, and where the scores separate the
        labels without error, since the bootstrap has no spread then.
    """
    if labels.min() == labels.max():
        return np.nan, np.nan
    figures = bootstrap(labels, patients, weighted_average_precision(labels, scores), seed)
    return percentile_interval(figures)
