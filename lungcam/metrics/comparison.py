"""How well a score ranks, with intervals, beside what needs no network.

Whether one score is better than another on the same samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from lungcam.metrics.discrimination import (
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    sensitivity_at,
    sensitivity_interval,
    weighted_auc,
)
from lungcam.metrics.resampling import RESAMPLES, bootstrap, percentile_interval

PAIRED_RULE = (
    f"difference of the two AUCs in each of {RESAMPLES} bootstrap resamples of patients, both "
    "scores on the same ones: 95 % percentile interval, and p, twice the share of resamples on "
    "the rarer side of no difference, with one added to the resamples and to either side's"
)


@dataclass(frozen=True)
class PairedDifference:
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
) -> PairedDifference:
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
        return PairedDifference(*[np.nan] * 6)
    first, second = weighted_auc(labels, scores), weighted_auc(labels, others)
    drawn = bootstrap(
        labels, patients, statistic=lambda weights: first(weights) - second(weights), seed=seed
    )
    # two equal AUCs may differ by a rounding error, which is no side
    drawn[np.abs(drawn) < 1e-12] = 0
    low, high = percentile_interval(drawn)
    if np.array_equal(rankdata(scores), rankdata(others)):
        low = high = 0.0
    rarer = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = min(1.0, 2 * (rarer + 1) / (len(drawn) + 1))
    return PairedDifference(one, two, one - two, low, high, float(p))


SPECIFICITIES = (0.90, 0.95)


def summarise_ranking(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Figures that hang on the order of the scores alone.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        patients: `(N,)` patient of each sample.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Of the bootstrap.

    Returns:
        A dict for metrics.json; what cannot be computed is None. `baselines` holds the AUC of
        each alone over the samples where it is known, `against_baselines` the net's difference to
        it over the same samples.
    """
    figures: dict[str, object] = {
        "n": len(labels),
        "n_positive": int(labels.sum()),
        "n_patients": len(np.unique(patients)),
        "auc": json_number(auc(labels, scores)),
        "auc_ci95": json_interval(auc_interval(labels, scores, patients, seed)),
        "pr_auc": json_number(average_precision(labels, scores)),
        "pr_auc_ci95": json_interval(
            average_precision_interval(labels, scores, patients=patients, seed=seed)
        ),
    }
    for specificity in SPECIFICITIES:
        name = f"sensitivity_at_{specificity:.0%}_specificity".replace("%", "")
        bounds = sensitivity_interval(
            labels, scores, patients=patients, specificity=specificity, seed=seed
        )
        figures[name] = json_number(sensitivity_at(labels, scores, specificity=specificity))
        figures[f"{name}_ci95"] = json_interval(bounds)
    figures["baselines"], figures["against_baselines"] = {}, {}
    for name, baseline in baselines.items():
        told = ~np.isnan(baseline)
        if not told.any():
            continue
        compared = against_baseline(
            labels[told], scores[told], baseline=baseline[told], patients=patients[told], seed=seed
        )
        figures["baselines"][f"auc_{name}"] = compared["baseline_auc"]
        figures["against_baselines"][name] = compared
    return figures


def against_baseline(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    baseline: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> dict[str, object]:
    """The net beside a baseline on the same samples, for metrics.json.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        baseline: `(N,)`, on a scale of its own, known of all.
        patients: `(N,)` patient of each sample.
        seed: Of the bootstrap.

    Returns:
        n, n_positive, auc, baseline_auc, baseline_auc_ci95, difference (net less baseline),
        difference_ci95 and p; what cannot be computed is None.
    """
    paired = paired_difference(labels, scores, baseline, patients, seed)
    return {
        "n": len(labels),
        "n_positive": int(labels.sum()),
        "auc": json_number(paired.auc),
        "baseline_auc": json_number(paired.other_auc),
        "baseline_auc_ci95": json_interval(auc_interval(labels, baseline, patients, seed)),
        "difference": json_number(paired.difference),
        "difference_ci95": json_interval((paired.low, paired.high)),
        "p": json_number(paired.p),
    }


def json_number(value: float) -> float | None:
    """NaN has no place in JSON."""
    return None if np.isnan(value) else value


def json_interval(bounds: tuple[float, float]) -> list[float | None]:
    """Two bounds for JSON."""
    return [json_number(bound) for bound in bounds]
