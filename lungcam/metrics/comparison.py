"""How well a score ranks, with intervals, beside what needs no network."""

from collections.abc import Mapping

import numpy as np

from lungcam.metrics.auc import auc, auc_interval
from lungcam.metrics.average_precision import average_precision, average_precision_interval
from lungcam.metrics.paired import paired_difference
from lungcam.metrics.sensitivity import sensitivity_at, sensitivity_interval

SPECIFICITIES = (0.90, 0.95)


def ranking(
    labels: np.ndarray,
    scores: np.ndarray,
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
        "auc": known(auc(labels, scores)),
        "auc_ci95": interval(auc_interval(labels, scores, patients, seed)),
        "pr_auc": known(average_precision(labels, scores)),
        "pr_auc_ci95": interval(average_precision_interval(labels, scores, patients, seed)),
    }
    for specificity in SPECIFICITIES:
        name = f"sensitivity_at_{specificity:.0%}_specificity".replace("%", "")
        bounds = sensitivity_interval(labels, scores, patients, specificity, seed)
        figures[name] = known(sensitivity_at(labels, scores, specificity))
        figures[f"{name}_ci95"] = interval(bounds)
    figures["baselines"], figures["against_baselines"] = {}, {}
    for name, baseline in baselines.items():
        told = ~np.isnan(baseline)
        if not told.any():
            continue
        compared = against_baseline(
            labels[told], scores[told], baseline[told], patients[told], seed
        )
        figures["baselines"][f"auc_{name}"] = compared["baseline_auc"]
        figures["against_baselines"][name] = compared
    return figures


def against_baseline(
    labels: np.ndarray,
    scores: np.ndarray,
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
        "auc": known(paired.auc),
        "baseline_auc": known(paired.other_auc),
        "baseline_auc_ci95": interval(auc_interval(labels, baseline, patients, seed)),
        "difference": known(paired.difference),
        "difference_ci95": interval((paired.low, paired.high)),
        "p": known(paired.p),
    }


def known(value: float) -> float | None:
    """NaN has no place in JSON."""
    return None if np.isnan(value) else value


def interval(bounds: tuple[float, float]) -> list[float | None]:
    """Two bounds for JSON."""
    return [known(bound) for bound in bounds]
