"""Whether one score is better than another on the same samples."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from lungcam.metrics.auc import auc, weighted_auc
from lungcam.metrics.resampling import RESAMPLES, bootstrap, percentile_interval

PAIRED_RULE = (
    f"difference of the two AUCs in each of {RESAMPLES} bootstrap resamples of patients, both "
    "scores on the same ones: 95 % percentile interval, and p, twice the share of resamples on "
    "the rarer side of no difference, with one added to the resamples and to either side's"
)


@dataclass(frozen=True)
class Paired:
    """Two scores' AUCs on the same samples; all NaN where one class is missing.

    Attributes:
        auc: Of the first score.
        other_auc: Of the second.
        difference: The first less the second.
        low: Lower bound of the difference's 95 % interval by `PAIRED_RULE`; NaN where no resample
            moves the difference, though the scores differ.
        high: Upper bound, likewise.
        p: Two-sided, for no difference.
    """

    auc: float
    other_auc: float
    difference: float
    low: float
    high: float
    p: float


def paired_difference(
    labels: np.ndarray,
    scores: np.ndarray,
    others: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> Paired:
    """Compare two scores by a paired bootstrap over patients.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        others: `(N,)` second score of the same samples, on a scale of its own.
        patients: `(N,)` patient of each sample; whole patients are resampled.
        seed: Of the resampling.
    """
    one, two = auc(labels, scores), auc(labels, others)
    if np.isnan(one):
        return Paired(*[np.nan] * 6)
    first, second = weighted_auc(labels, scores), weighted_auc(labels, others)
    drawn = bootstrap(labels, patients, lambda weights: first(weights) - second(weights), seed)
    # two equal AUCs may differ by a rounding error, which is no side
    drawn[np.abs(drawn) < 1e-12] = 0
    low, high = percentile_interval(drawn)
    if np.array_equal(rankdata(scores), rankdata(others)):
        low = high = 0.0
    rarer = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = min(1.0, 2 * (rarer + 1) / (len(drawn) + 1))
    return Paired(one, two, one - two, low, high, float(p))
