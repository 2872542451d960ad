"""All figures of one split.

All figures of the risk within years, of one split.

Figures in words, as commands print them and pictures show them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lungcam.metrics.calibration import brier, expected_calibration_error
from lungcam.metrics.comparison import PAIRED_RULE, json_interval, json_number, summarise_ranking
from lungcam.metrics.discrimination import INTERVAL_RULE, metrics_at_threshold
from lungcam.metrics.survival import (
    CALIBRATION_BY_YEAR_RULE,
    CONCORDANCE_RULE,
    DAYS_PER_YEAR,
    GROUPS_RULE,
    KAPLAN_MEIER_RULE,
    YEARLY_AUC_RULE,
    calibration_by_group,
    calibration_by_year,
    concordance,
    concordance_interval,
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


def risk_summary(
    risks: np.ndarray,
    in_follow_up: np.ndarray,
    happened: np.ndarray,
    time_days: np.ndarray,
    event: np.ndarray,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Compute a split's figures of risk; rows are scans, and whole patients are resampled.

    Args:
        risks: `(N, Y)`, probability of the event within 1 to Y years, calibrated where it can be.
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, whether the event came then.
        patients: `(N,)` patient of each row.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Of the bootstrap.

    Returns:
        A dict for metrics.json; what cannot be computed is None. n, n_patients, n_events (before
        the horizon), auc by the year (see `yearly_auc`), c_index (Uno's) and harrell_c_index, each
        with _ci95, calibration by the year, groups, against_baselines by name and year, rules.
    """
    time_days, event = np.asarray(time_days, float), np.asarray(event, bool)
    horizon = DAYS_PER_YEAR * risks.shape[1]
    figures: dict[str, object] = {
        "n": len(risks),
        "n_patients": len(np.unique(patients)),
        "n_events": int((event & (time_days < horizon)).sum()),
    }
    if len(risks) == 0:
        return figures
    times = time_days, event
    last = risks[:, -1]
    uno, harrell = concordance(last, *times, horizon)
    bounds = concordance_interval(last, *times, horizon, patients, seed)
    return figures | {
        "auc": yearly_auc(risks, in_follow_up, happened=happened, patients=patients, seed=seed),
        "c_index": json_number(uno),
        "c_index_ci95": json_interval(bounds[0]),
        "harrell_c_index": json_number(harrell),
        "harrell_c_index_ci95": json_interval(bounds[1]),
        "calibration": calibration_by_year(risks, *times, patients, seed),
        "groups": calibration_by_group(last, *times, horizon, patients, seed),
        "against_baselines": yearly_baselines(
            risks,
            in_follow_up,
            happened=happened,
            patients=patients,
            baselines=baselines,
            seed=seed,
        ),
        "rules": RISK_RULES,
    }


def summarise(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    patients: np.ndarray,
    threshold: float,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Compute a split's figures from its pooled predictions.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1], calibrated where they can be.
        patients: `(N,)` patient of each sample.
        threshold: Operating threshold on these probabilities, chosen elsewhere.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Of the bootstrap.

    Returns:
        A dict for metrics.json, as of `summarise_ranking`, with the figures at the threshold and those of
        the calibration.
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


def with_interval(value: float, bounds: Sequence[float | None], *, sign: str = "") -> str:
    """A figure and its 95 % interval; `sign="+"` shows both signs."""
    low, high = bounds
    if low is None or high is None:
        return f"{value:{sign}.3f} (95 % interval not known: no resample moves it)"
    return f"{value:{sign}.3f} (95 % interval {low:{sign}.3f} to {high:{sign}.3f})"


def p_value(p: float) -> str:
    """A p-value; below 0.001 the resamples cannot tell."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
