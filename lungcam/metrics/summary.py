"""Summaries of a split for metrics.json, and metrics in words for the console and figures."""

from collections.abc import Mapping, Sequence

import numpy as np

from lungcam.metrics.calibration import brier, expected_calibration_error
from lungcam.metrics.comparison import PAIRED_RULE, against_baseline
from lungcam.metrics.discrimination import (
    INTERVAL_RULE,
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    metrics_at_threshold,
    sensitivity_at,
    sensitivity_interval,
)
from lungcam.metrics.resampling import json_interval, json_number
from lungcam.metrics.survival import (
    CONCORDANCE_RULE,
    DAYS_PER_YEAR,
    KAPLAN_MEIER_RULE,
    concordance,
    concordance_interval,
)
from lungcam.metrics.yearly_risk import (
    CALIBRATION_BY_YEAR_RULE,
    GROUPS_RULE,
    YEARLY_AUC_RULE,
    calibration_by_group,
    calibration_by_year,
    yearly_auc,
    yearly_baselines,
)

RISK_RULES = {
    "auc": YEARLY_AUC_RULE,
    "auc_ci95": INTERVAL_RULE,
    "c_index": CONCORDANCE_RULE,
    "observed": KAPLAN_MEIER_RULE,
    "calibration": CALIBRATION_BY_YEAR_RULE,
    "groups": GROUPS_RULE,
    "against_baselines": PAIRED_RULE,
}
# specificities at which the sensitivity is reported
SPECIFICITIES = (0.90, 0.95)


def summarise(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    patients: np.ndarray,
    threshold: float,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Compute the metrics of a split from its pooled predictions.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1], calibrated where they can be.
        patients: `(N,)` patient of each sample.
        threshold: Operating threshold on these probabilities, chosen elsewhere.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Seed of the bootstrap.

    Returns:
        A dict for metrics.json, as of `summarise_ranking`, with the metrics at the threshold and
        those of the calibration.
    """
    return {
        **summarise_ranking(
            labels, probabilities, patients=patients, baselines=baselines, seed=seed
        ),
        **metrics_at_threshold(labels, probabilities, threshold=threshold),
        "brier": brier(labels, probabilities),
        "ece": expected_calibration_error(labels, probabilities),
        "threshold": threshold,
    }


def summarise_ranking(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Compute the metrics that depend on the order of the scores alone.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
        patients: `(N,)` patient of each sample.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Seed of the bootstrap.

    Returns:
        A dict for metrics.json; what cannot be computed is None. `baselines` holds the AUROC of
        each alone over the samples where it is known, `against_baselines` the net's difference to
        it over the same samples.
    """
    metrics: dict[str, object] = {
        "n": len(labels),
        "n_positive": int(labels.sum()),
        "n_patients": len(np.unique(patients)),
        "auc": json_number(auc(labels, scores)),
        "auc_ci95": json_interval(auc_interval(labels, scores, patients=patients, seed=seed)),
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
        metrics[name] = json_number(sensitivity_at(labels, scores, specificity=specificity))
        metrics[f"{name}_ci95"] = json_interval(bounds)
    metrics["baselines"], metrics["against_baselines"] = {}, {}
    for name, baseline in baselines.items():
        known = ~np.isnan(baseline)
        if not known.any():
            continue
        comparison = against_baseline(
            labels[known],
            scores[known],
            baseline=baseline[known],
            patients=patients[known],
            seed=seed,
        )
        metrics["baselines"][f"auc_{name}"] = comparison["baseline_auc"]
        metrics["against_baselines"][name] = comparison
    return metrics


def risk_summary(
    risks: np.ndarray,
    *,
    in_follow_up: np.ndarray,
    happened: np.ndarray,
    time_days: np.ndarray,
    event: np.ndarray,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Compute the metrics of a split's risks; rows are scans, and whole patients are resampled.

    Args:
        risks: `(N, Y)`, probability of the event within 1 to Y years, calibrated where it can be.
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, True where the time is that of the event.
        patients: `(N,)` patient of each row.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Seed of the bootstrap.

    Returns:
        A dict for metrics.json; what cannot be computed is None. n, n_patients, n_events (before
        the horizon), auc by the year (see `yearly_auc`), c_index (Uno's) and harrell_c_index, each
        with _ci95, calibration by the year, groups, against_baselines by name and year, rules.
    """
    time_days, event = np.asarray(time_days, float), np.asarray(event, bool)
    horizon_days = DAYS_PER_YEAR * risks.shape[1]
    metrics: dict[str, object] = {
        "n": len(risks),
        "n_patients": len(np.unique(patients)),
        "n_events": int((event & (time_days < horizon_days)).sum()),
    }
    if len(risks) == 0:
        return metrics
    outcome = {"time_days": time_days, "event": event}
    at_horizon = outcome | {"horizon_days": horizon_days}
    resampling = {"patients": patients, "seed": seed}
    last = risks[:, -1]
    uno, harrell = concordance(last, **at_horizon)
    uno_bounds, harrell_bounds = concordance_interval(last, **at_horizon, **resampling)
    return metrics | {
        "auc": yearly_auc(risks, in_follow_up, happened=happened, **resampling),
        "c_index": json_number(uno),
        "c_index_ci95": json_interval(uno_bounds),
        "harrell_c_index": json_number(harrell),
        "harrell_c_index_ci95": json_interval(harrell_bounds),
        "calibration": calibration_by_year(risks, **outcome, **resampling),
        "groups": calibration_by_group(last, **at_horizon, **resampling),
        "against_baselines": yearly_baselines(
            risks, in_follow_up, happened=happened, baselines=baselines, **resampling
        ),
        "rules": RISK_RULES,
    }


def with_interval(value: float, bounds: Sequence[float | None], *, sign: str = "") -> str:
    """Format a number and its 95 % interval; `sign="+"` shows both signs."""
    low, high = bounds
    if low is None or high is None:
        return f"{value:{sign}.3f} (95 % interval not known: no resample moves it)"
    return f"{value:{sign}.3f} (95 % interval {low:{sign}.3f} to {high:{sign}.3f})"


def p_value(p: float) -> str:
    """Format a p-value; the resamples do not resolve values below 0.001."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
