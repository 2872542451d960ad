"""Discrimination of two classes: AUROC, average precision, sensitivity and operating threshold.

Labels are `(N,)` of 0 and 1; scores are `(N,)` of any scale, larger for the positive class.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from lungcam.metrics.resampling import RESAMPLES, Statistic, bootstrap, percentile_interval

INTERVAL_RULE = (
    f"95 % percentile interval of {RESAMPLES} bootstrap resamples of patients; where the scores "
    "separate the labels without error the bootstrap has no spread, and Newcombe's method 5 "
    "(Stat Med 2006;25:559) gives the interval"
)
PR_AUC_RULE = (
    "average precision: the precision at each cut-off, weighted by the recall it adds, without "
    "interpolation; of random scores it is the share of positives"
)
SENSITIVITY_RULE = (
    "highest sensitivity of all cut-offs of the split's own scores at which at least the named "
    "share of its negatives is not called; it describes the ROC curve, and is no operating point "
    "chosen beforehand"
)
# false positive rates at which the band of the ROC curve is computed
ROC_BAND_RATES = np.linspace(0, 1, 101)
# 0.1 of 10 negatives is one of them, despite floating point
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class SortedScores:
    """Rows in descending order of their scores, with equal scores in one group.

    Attributes:
        order: `(N,)` sorted row indices.
        starts: `(G,)` first position of each group in `order`.
        positive: `(N,)` bool in the sorted order.
    """

    order: np.ndarray
    starts: np.ndarray
    positive: np.ndarray

    def group_weights(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum the weights of positives and of negatives in each group.

        Args:
            weights: `(R, N)`.

        Returns:
            Two arrays `(R, G)`, the group of the highest score first.
        """
        ordered = weights[:, self.order]
        positive = np.add.reduceat(ordered * self.positive, self.starts, axis=1)
        return positive, np.add.reduceat(ordered * ~self.positive, self.starts, axis=1)


def sort_scores(labels: np.ndarray, scores: np.ndarray) -> SortedScores:
    """Sort rows by their scores, once for all weights."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return SortedScores(order, starts, labels[order] == 1)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Compute the AUROC: the probability that a positive scores above a negative.

    Ties count half (Mann-Whitney).

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
    above = scipy.stats.rankdata(scores)[labels == 1].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def weighted_auc(labels: np.ndarray, scores: np.ndarray) -> Statistic:
    """Return a function from weights `(R, N)` to the AUROC of each row of weights, `(R,)`.

    A weight of 2 counts as the row twice; the AUROC is NaN where the weights leave one class.
    """
    sorted_scores = sort_scores(labels, scores)

    def statistic(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_scores.group_weights(weights)
        # negatives with a lower score, and half of those with the same
        below = negative.sum(axis=1, keepdims=True) - negative.cumsum(axis=1) + negative / 2
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        won = (positive * below).sum(axis=1)
        return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)

    return statistic


def auc_interval(
    labels: np.ndarray, scores: np.ndarray, *, patients: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Compute the 95 % interval of the AUROC by `INTERVAL_RULE`.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        patients: `(N,)` patient of each score; whole patients are resampled.
        seed: Seed of the resampling.

    Returns:
        Lower and upper bound; NaN where one class is missing.
    """
    estimate = auc(labels, scores)
    if np.isnan(estimate):
        return np.nan, np.nan
    if estimate in (0.0, 1.0):
        return newcombe_interval(estimate, int(labels.sum()), n_negative=int((1 - labels).sum()))
    return percentile_interval(
        bootstrap(labels, patients, statistic=weighted_auc(labels, scores), seed=seed)
    )


def newcombe_interval(estimate: float, n_positive: int, *, n_negative: int) -> tuple[float, float]:
    """Compute the 95 % score-like interval of an AUROC from its value and the two counts.

    Newcombe, Confidence intervals for an effect size measure based on the Mann-Whitney statistic,
    part 2, Stat Med 2006;25:559-573, method 5: the values that lie within 1.96 of their own
    standard errors of the estimate, by the variance of Hanley and McNeil with both counts replaced
    by their mean.
    """
    values = np.linspace(0, 1, 200_001)
    mean_count = (n_positive + n_negative) / 2 - 1
    variance = (
        values
        * (1 - values)
        / (n_positive * n_negative)
        * (1 + mean_count * ((1 - values) / (2 - values) + values / (1 + values)))
    )
    plausible = values[np.abs(values - estimate) <= 1.959964 * np.sqrt(variance) + 1e-12]
    return float(plausible.min()), float(plausible.max())


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Compute the PR-AUC by `PR_AUC_RULE`; equal scores are one cut-off.

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
    """Return a function from weights `(R, N)`, each row with a positive, to PR-AUCs `(R,)`."""
    sorted_scores = sort_scores(labels, scores)

    def statistic(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_scores.group_weights(weights)
        true_positives = positive.cumsum(axis=1)
        called = true_positives + negative.cumsum(axis=1)
        # nothing is called above the first row with a weight: there is no recall to add either
        precision = np.divide(
            true_positives, called, out=np.zeros_like(true_positives), where=called > 0
        )
        return (positive * precision).sum(axis=1) / positive.sum(axis=1)

    return statistic


def average_precision_interval(
    labels: np.ndarray, scores: np.ndarray, *, patients: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Compute the 95 % percentile interval of the PR-AUC over resamples of patients.

    Arguments are those of `auc_interval`.

    Returns:
        Lower and upper bound; NaN where one class is missing, and where the scores separate the
        labels without error, since the bootstrap has no spread then.
    """
    if labels.min() == labels.max():
        return np.nan, np.nan
    return percentile_interval(
        bootstrap(labels, patients, statistic=weighted_average_precision(labels, scores), seed=seed)
    )


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false and true positive rates at every cut-off, from (0, 0) to (1, 1).

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        scores: `(N,)`; equal scores are one cut-off.
    """
    positive, negative = sort_scores(labels, scores).group_weights(np.ones((1, len(labels))))
    false, true = (np.r_[0, counts[0].cumsum() / counts.sum()] for counts in (negative, positive))
    return false, true


def roc_band(
    labels: np.ndarray, scores: np.ndarray, *, patients: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the 95 % pointwise band of the true positive rate at `ROC_BAND_RATES`.

    Arguments are those of `auc_interval`.

    Returns:
        Lower and upper bounds, `(101,)` each.
    """
    sorted_scores = sort_scores(labels, scores)

    def statistic(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_scores.group_weights(weights)
        true = positive.cumsum(axis=1) / positive.sum(axis=1, keepdims=True)
        false = negative.cumsum(axis=1) / negative.sum(axis=1, keepdims=True)
        curves = zip(false, true, strict=True)
        return np.stack([np.interp(ROC_BAND_RATES, np.r_[0, f], np.r_[0, t]) for f, t in curves])

    low, high = np.percentile(
        bootstrap(labels, patients, statistic=statistic, seed=seed), [2.5, 97.5], axis=0
    )
    return low, high


def precision_recall_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and precision at every cut-off, the highest first.

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        scores: `(N,)`; equal scores are one cut-off.

    Returns:
        Two arrays `(G,)`; steps between them, not lines, have the area of `average_precision`.
    """
    positive, negative = sort_scores(labels, scores).group_weights(np.ones((1, len(labels))))
    true_positives = positive[0].cumsum()
    recall = true_positives / true_positives[-1]
    return recall, true_positives / (true_positives + negative[0].cumsum())


def sensitivity_at(labels: np.ndarray, scores: np.ndarray, *, specificity: float) -> float:
    """Compute the sensitivity at a fixed specificity by `SENSITIVITY_RULE`.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        specificity: In [0, 1].

    Returns:
        In [0, 1]; NaN where one class is missing.
    """
    if labels.min() == labels.max():
        return float("nan")
    statistic = weighted_sensitivity(labels, scores, specificity=specificity)
    return float(statistic(np.ones((1, len(labels))))[0])


def weighted_sensitivity(
    labels: np.ndarray, scores: np.ndarray, *, specificity: float
) -> Statistic:
    """Return a function from weights `(R, N)`, each row of two classes, to `sensitivity_at`."""
    sorted_scores = sort_scores(labels, scores)

    def statistic(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_scores.group_weights(weights)
        false = negative.cumsum(axis=1) / negative.sum(axis=1, keepdims=True)
        allowed = false <= 1 - specificity + ROUNDING
        # 0 where even the highest scores hold too many negatives: nothing is called then
        true_positives = (positive.cumsum(axis=1) * allowed).max(axis=1)
        return true_positives / positive.sum(axis=1)

    return statistic


def sensitivity_interval(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    patients: np.ndarray,
    specificity: float,
    seed: int = 0,
) -> tuple[float, float]:
    """Compute the 95 % percentile interval of `sensitivity_at` over resamples of patients.

    The cut-off is chosen separately in each resample.

    Returns:
        Lower and upper bound; NaN where one class is missing or no resample differs.
    """
    if labels.min() == labels.max():
        return np.nan, np.nan
    statistic = weighted_sensitivity(labels, scores, specificity=specificity)
    return percentile_interval(bootstrap(labels, patients, statistic=statistic, seed=seed))


def youden_threshold(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the threshold with the greatest sensitivity + specificity (Youden, 1950).

    It lies midway between two neighbouring scores; of several equally good thresholds the middle
    one is taken. Choose it on validation samples, never on the test's.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1].

    Returns:
        The threshold; 0.5 where one class is missing.
    """
    if labels.min() == labels.max():
        return 0.5
    scores = np.unique(probabilities)
    if len(scores) == 1:
        return 0.5
    candidates = (scores[1:] + scores[:-1]) / 2
    called = probabilities[None] >= candidates[:, None]
    sensitivity = called[:, labels == 1].mean(axis=1)
    specificity = 1 - called[:, labels == 0].mean(axis=1)
    index = sensitivity + specificity
    best = np.flatnonzero(np.isclose(index, index.max()))
    return float(candidates[best[(len(best) - 1) // 2]])


def metrics_at_threshold(
    labels: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> dict[str, float | None]:
    """Compute accuracy, precision, recall (sensitivity) and specificity of `p >= threshold`.

    A ratio without a denominator is None.
    """
    called = probabilities >= threshold
    positive = labels == 1

    def share(condition: np.ndarray, rows: np.ndarray) -> float | None:
        return float(np.mean(condition[rows])) if rows.any() else None

    return {
        "accuracy": float(np.mean(called == positive)),
        "precision": share(positive, called),
        "recall": share(called, positive),
        "specificity": share(~called, ~positive),
    }
