"""Area under the ROC curve, and how far it can be trusted.

Weighted counts of positives and negatives at every cut-off of a score.

Area under the precision-recall curve, as average precision.

The curves that figures show: ROC with its band, precision over recall.

Sensitivity at a fixed specificity.

The operating threshold and what comes of it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from lungcam.metrics.resampling import RESAMPLES, Statistic, bootstrap, percentile_interval


@dataclass(frozen=True, eq=False)
class SortedScores:
    """Rows in the order of their scores, the highest first, equal scores in one group.

    Attributes:
        order: `(N,)` rows, sorted.
        starts: `(G,)` first place of each group in `order`.
        positive: `(N,)` bool in the sorted order.
    """

    order: np.ndarray
    starts: np.ndarray
    positive: np.ndarray

    def groups(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weight of the positives and of the negatives in each group.

        Args:
            weights: `(R, N)`.

        Returns:
            Two arrays `(R, G)`, the group of the highest score first.
        """
        ordered = weights[:, self.order]
        positive = np.add.reduceat(ordered * self.positive, self.starts, axis=1)
        return positive, np.add.reduceat(ordered * ~self.positive, self.starts, axis=1)


def sort_scores(labels: np.ndarray, scores: np.ndarray) -> SortedScores:
    """Sort the rows once.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return SortedScores(order, starts, labels[order] == 1)


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
    sorted_once = sort_scores(labels, scores)

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
        return newcombe_interval(estimate, int(labels.sum()), n_negative=int((1 - labels).sum()))
    return percentile_interval(
        bootstrap(labels, patients, statistic=weighted_auc(labels, scores), seed=seed)
    )


def newcombe_interval(estimate: float, n_positive: int, *, n_negative: int) -> tuple[float, float]:
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
    sorted_once = sort_scores(labels, scores)

    def of(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_once.groups(weights)
        found = positive.cumsum(axis=1)
        called = found + negative.cumsum(axis=1)
        # nothing is called above the first row with a weight: there is no recall to add either
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        return (positive * precision).sum(axis=1) / positive.sum(axis=1)

    return of


def average_precision_interval(
    labels: np.ndarray, scores: np.ndarray, *, patients: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval over resamples of patients, as of `auc_interval`.

    Returns:
        Lower and upper bound; NaN where one class is missing, and where the scores separate the
        labels without error, since the bootstrap has no spread then.
    """
    if labels.min() == labels.max():
        return np.nan, np.nan
    figures = bootstrap(
        labels, patients, statistic=weighted_average_precision(labels, scores), seed=seed
    )
    return percentile_interval(figures)


# false positive rates at which the band is told
ROC_BAND_RATES = np.linspace(0, 1, 101)


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates of false and of true positives at every cut-off, from (0, 0) to (1, 1).

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        scores: `(N,)`; equal scores are one cut-off.
    """
    positive, negative = sort_scores(labels, scores).groups(np.ones((1, len(labels))))
    false, true = (np.r_[0, one[0].cumsum() / one.sum()] for one in (negative, positive))
    return false, true


def roc_band(
    labels: np.ndarray, scores: np.ndarray, *, patients: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """95 % pointwise band of the true positive rate at `ROC_BAND_RATES`, by resampling patients.

    Returns:
        Lower and upper bounds, `(101,)` each.
    """
    sorted_once = sort_scores(labels, scores)

    def of(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_once.groups(weights)
        true = positive.cumsum(axis=1) / positive.sum(axis=1, keepdims=True)
        false = negative.cumsum(axis=1) / negative.sum(axis=1, keepdims=True)
        return np.stack(
            [
                np.interp(ROC_BAND_RATES, np.r_[0, f], np.r_[0, t])
                for f, t in zip(false, true, strict=True)
            ]
        )

    low, high = np.percentile(
        bootstrap(labels, patients, statistic=of, seed=seed), [2.5, 97.5], axis=0
    )
    return low, high


def precision_recall_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at every cut-off, the highest first.

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        scores: `(N,)`; equal scores are one cut-off.

    Returns:
        Two arrays `(G,)`; steps between them, not lines, have the area of `average_precision`.
    """
    positive, negative = sort_scores(labels, scores).groups(np.ones((1, len(labels))))
    found = positive[0].cumsum()
    return found / found[-1], found / (found + negative[0].cumsum())


def wilson_interval(hits: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % score interval of shares (Wilson, 1927).

    Args:
        hits: `(B,)` counts.
        among: `(B,)` counts, above 0.
    """
    z = 1.959964
    share = hits / among
    center = (share + z**2 / (2 * among)) / (1 + z**2 / among)
    half = z * np.sqrt(share * (1 - share) / among + z**2 / (4 * among**2)) / (1 + z**2 / among)
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)


SENSITIVITY_RULE = (
    "highest sensitivity of all cut-offs of the split's own scores at which at least the named "
    "share of its negatives is not called; it describes the ROC curve, and is no operating point "
    "chosen beforehand"
)
# 0.1 of 10 negatives is one of them, whatever the floating point makes of it
ROUNDING = 1e-9


def sensitivity_at(labels: np.ndarray, scores: np.ndarray, *, specificity: float) -> float:
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
    of = weighted_sensitivity(labels, scores, specificity=specificity)
    return float(of(np.ones((1, len(labels))))[0])


def weighted_sensitivity(
    labels: np.ndarray, scores: np.ndarray, *, specificity: float
) -> Statistic:
    """Function that gives `sensitivity_at` of every row of weights `(R, N)`, each of two classes.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)`.
        specificity: In [0, 1].
    """
    sorted_once = sort_scores(labels, scores)

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
    *,
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
    of = weighted_sensitivity(labels, scores, specificity=specificity)
    return percentile_interval(bootstrap(labels, patients, statistic=of, seed=seed))


def youden_threshold(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Threshold with the greatest sensitivity + specificity (Youden, 1950).

    It lies midway between two neighbouring scores; of several equally good ones the middle one is
    taken. To be chosen on validation samples, never on the test's.

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
    """Accuracy, precision, recall (sensitivity) and specificity of calling `p >= threshold`.

    A ratio without a denominator is None.
    """
    called = probabilities >= threshold
    true = labels == 1

    def share(hits: np.ndarray, among: np.ndarray) -> float | None:
        return float(np.mean(hits[among])) if among.any() else None

    return {
        "accuracy": float(np.mean(called == true)),
        "precision": share(true, called),
        "recall": share(called, true),
        "specificity": share(~called, ~true),
    }
