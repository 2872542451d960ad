"""All figures of the risk within years, of one split."""

from collections.abc import Mapping

import numpy as np

from lungcam.metrics.auc import INTERVAL_RULE
from lungcam.metrics.concordance import CONCORDANCE_RULE, concordance, concordance_interval
from lungcam.metrics.follow_up import DAYS_A_YEAR, KAPLAN_MEIER_RULE
from lungcam.metrics.paired import PAIRED_RULE
from lungcam.metrics.ranking import interval, known
from lungcam.metrics.yearly_auc import YEARLY_AUC_RULE, yearly_auc, yearly_baselines
from lungcam.metrics.yearly_calibration import (
    CALIBRATION_BY_YEAR_RULE,
    GROUPS_RULE,
    calibration_by_group,
    calibration_by_year,
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
    horizon = DAYS_A_YEAR * risks.shape[1]
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
        "auc": yearly_auc(risks, in_follow_up, happened, patients, seed),
        "c_index": known(uno),
        "c_index_ci95": interval(bounds[0]),
        "harrell_c_index": known(harrell),
        "harrell_c_index_ci95": interval(bounds[1]),
        "calibration": calibration_by_year(risks, *times, patients, seed),
        "groups": calibration_by_group(last, *times, horizon, patients, seed),
        "against_baselines": yearly_baselines(
            risks, in_follow_up, happened, patients, baselines, seed
        ),
        "rules": RISK_RULES,
    }
