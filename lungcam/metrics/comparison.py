"""Paired comparison of two scores on the same samples."""

from dataclasses import dataclass

import numpy as np
import scipy

from lungcam.metrics.discrimination import auc, auc_interval, weighted_auc
from lungcam.metrics.resampling import (
    RESAMPLES,
    bootstrap,
    json_interval,
    json_number,
    percentile_interval,
)

PAIRED_RULE = (
    f"difference of the two AUCs in each of {RESAMPLES} bootstrap resamples of patients, both "
    "scores on the same ones: 95 % percentile interval, and p, twice the share of resamples on "
    "the rarer side of no difference, with one added to the resamples and to either side's"
)


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """AUROCs of two scores on the same samples; all NaN where one class is missing.

    Attributes:
        auc: AUROC of the first score.
        other_auc: AUROC of the second score.
        difference: The first less the second.
        low: Lower bound of the difference's 95 % interval by `PAIRED_RULE`; NaN where no resample
            moves the difference, though the scores differ.
        high: Upper bound, likewise.
        p: Two-sided, for no difference.
    """

    auc: float = np.nan
    other_auc: float = np.nan
    difference: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan


def paired_difference(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    other_scores: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> PairedDifference:
    """Compare two scores by a paired bootstrap over patients.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        other_scores: `(N,)` second score of the same samples, on a scale of its own.
        patients: `(N,)` patient of each sample; whole patients are resampled.
        seed: Seed of the resampling.
    """
    first_auc, second_auc = auc(labels, scores), auc(labels, other_scores)
    if np.isnan(first_auc):
        return PairedDifference()
    first, second = weighted_auc(labels, scores), weighted_auc(labels, other_scores)
    differences = bootstrap(
        labels, patients, statistic=lambda weights: first(weights) - second(weights), seed=seed
    )
    # two equal AUCs may differ by a rounding error, which is on neither side
    differences[np.abs(differences) < 1e-12] = 0
    low, high = percentile_interval(differences)
    if np.array_equal(scipy.stats.rankdata(scores), scipy.stats.rankdata(other_scores)):
        low = high = 0.0
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    p = min(1.0, 2 * (rarer + 1) / (len(differences) + 1))
    return PairedDifference(
        auc=first_auc,
        other_auc=second_auc,
        difference=first_auc - second_auc,
        low=low,
        high=high,
        p=float(p),
    )


def against_baseline(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    baseline: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> dict[str, object]:
    """Compare the net with a baseline on the same samples, for metrics.json.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        baseline: `(N,)`, on a scale of its own, known for all samples.
        patients: `(N,)` patient of each sample.
        seed: Seed of the bootstrap.

    Returns:
        n, n_positive, auc, baseline_auc, baseline_auc_ci95, difference (net less baseline),
        difference_ci95 and p; what cannot be computed is None.
    """
    paired = paired_difference(labels, scores, other_scores=baseline, patients=patients, seed=seed)
    bounds = auc_interval(labels, baseline, patients=patients, seed=seed)
    return {
        "n": len(labels),
        "n_positive": int(labels.sum()),
        "auc": json_number(paired.auc),
        "baseline_auc": json_number(paired.other_auc),
        "baseline_auc_ci95": json_interval(bounds),
        "difference": json_number(paired.difference),
        "difference_ci95": json_interval((paired.low, paired.high)),
        "p": json_number(paired.p),
    }
