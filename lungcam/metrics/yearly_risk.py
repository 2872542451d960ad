"""Metrics of the risk within each year: AUROC, comparison with baselines, calibration."""

from collections.abc import Mapping

import numpy as np

from lungcam.metrics.comparison import against_baseline
from lungcam.metrics.discrimination import auc, auc_interval
from lungcam.metrics.resampling import (
    json_interval,
    json_number,
    percentile_interval,
    resample_patients,
)
from lungcam.metrics.survival import DAYS_PER_YEAR, FollowUp, follow_up, observed_risk

YEARLY_AUC_RULE = (
    "AUC of the risk within k years. Positive: the event came within k years, also where it came "
    "in an earlier one; negative: no event within k years, and followed at least into the last of "
    "them (Sybil's rule, J Clin Oncol 2023;41:2191); those lost before are left out, unweighted"
)
CALIBRATION_BY_YEAR_RULE = (
    "expected: mean predicted risk within k years, of all scans; observed: by Kaplan-Meier, see "
    "observed; ratio: expected / observed, 1 is best. 95 % percentile intervals over patients; a "
    "bound of the ratio is null where too many resamples hold no event"
)
GROUPS_RULE = (
    "scans in up to four groups of like size by predicted risk of the horizon, equal risks "
    "together; expected and observed of each group at the horizon"
)
GROUPS = 4


def year_rows(
    in_follow_up: np.ndarray, happened: np.ndarray, *, year: int
) -> tuple[np.ndarray, np.ndarray]:
    """Select the rows that count in a year, with their labels.

    `y_mask` ends with the year of the event, but a row with the event stays positive in all later
    years: the AUROC is cumulative over events and dynamic over those still free.

    Args:
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        year: From 1 to Y.

    Returns:
        `(N,)` bool, and the labels, 0 and 1, of the selected rows.
    """
    positive = happened[:, year - 1] == 1
    counts = positive | (in_follow_up[:, year - 1] == 1)
    return counts, positive[counts].astype(int)


def yearly_auc(
    risks: np.ndarray,
    in_follow_up: np.ndarray,
    *,
    happened: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> dict[str, dict[str, object]]:
    """Compute the AUROC of each year by `YEARLY_AUC_RULE`, with its interval over patients.

    Args:
        risks: `(N, Y)`, risk within 1 to Y years, of any scale.
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        patients: `(N,)` patient of each row.
        seed: Seed of the resampling.

    Returns:
        By the year, from "1": value, ci95, n, n_positive; None where a class is missing.
    """
    metrics = {}
    for year in range(1, risks.shape[1] + 1):
        rows, labels = year_rows(in_follow_up, happened, year=year)
        scores = risks[rows, year - 1]
        bounds = auc_interval(labels, scores, patients=patients[rows], seed=seed)
        metrics[str(year)] = {
            "value": json_number(auc(labels, scores)),
            "ci95": json_interval(bounds),
            "n": len(labels),
            "n_positive": int(labels.sum()),
        }
    return metrics


def yearly_baselines(
    risks: np.ndarray,
    in_follow_up: np.ndarray,
    *,
    happened: np.ndarray,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, dict[str, dict[str, object]]]:
    """Compare the net with each baseline in each year, on the rows with a known baseline.

    Args:
        risks: As of `yearly_auc`.
        in_follow_up: As of `yearly_auc`.
        happened: As of `yearly_auc`.
        patients: As of `yearly_auc`.
        baselines: Scores `(N,)` that need no network, the same for all years; NaN where unknown.
        seed: Seed of the resampling.

    Returns:
        By the baseline's name and the year, as of `against_baseline`; a baseline that is known in
        no row is left out.
    """
    metrics: dict[str, dict[str, dict[str, object]]] = {}
    for name, baseline in baselines.items():
        known = ~np.isnan(baseline)
        for year in range(1, risks.shape[1] + 1) if known.any() else ():
            rows, labels = year_rows(in_follow_up[known], happened[known], year=year)
            metrics.setdefault(name, {})[str(year)] = against_baseline(
                labels,
                risks[known][rows, year - 1],
                baseline=baseline[known][rows],
                patients=patients[known][rows],
                seed=seed,
            )
    return metrics


def calibration_by_year(
    risks: np.ndarray,
    *,
    time_days: np.ndarray,
    event: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> dict[str, dict[str, object]]:
    """Compute expected and observed risk of each year by `CALIBRATION_BY_YEAR_RULE`.

    Args:
        risks: `(N, Y)`, probability of the event within 1 to Y years.
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, True where the time is that of the event.
        patients: `(N,)` patient of each row.
        seed: Seed of the resampling.

    Returns:
        By the year, from "1": expected, observed, observed_ci95, ratio, ratio_ci95; None where it
        is not known, or no resample moves it.
    """
    rows, years = follow_up(time_days, event), risks.shape[1]
    days = DAYS_PER_YEAR * np.arange(1, years + 1)

    def statistic(weights: np.ndarray) -> np.ndarray:
        expected = weights @ risks / weights.sum(axis=1, keepdims=True)
        observed = observed_risk(rows, weights, days=days)
        # any expectation is too high where no event came
        ratio = np.where(np.isnan(observed), np.nan, np.inf)
        np.divide(expected, observed, out=ratio, where=observed > 0)
        return np.stack([expected, observed, ratio], axis=1)

    expected, observed, ratio = statistic(np.ones((1, len(risks))))[0]
    # means of the same values in another order differ by a rounding error
    resampled = resample_patients(patients, statistic, seed=seed).round(12)
    return {
        str(year + 1): {
            "expected": float(expected[year]),
            "observed": json_number(float(observed[year])),
            "observed_ci95": json_interval(percentile_interval(resampled[:, 1, year])),
            "ratio": json_number(_nan_if_infinite(ratio[year])),
            "ratio_ci95": json_interval(_ratio_interval(resampled[:, 2, year])),
        }
        for year in range(years)
    }


def calibration_by_group(
    risk: np.ndarray,
    *,
    time_days: np.ndarray,
    event: np.ndarray,
    horizon_days: float,
    patients: np.ndarray,
    seed: int = 0,
) -> list[dict[str, object]]:
    """Compute expected and observed risk at the horizon in groups by `GROUPS_RULE`.

    Args:
        risk: `(N,)`, probability of the event within the horizon.
        time_days: As of `calibration_by_year`.
        event: As of `calibration_by_year`.
        horizon_days: The horizon.
        patients: As of `calibration_by_year`.
        seed: Seed of the resampling.

    Returns:
        The lowest group first: n, n_events, expected, observed, observed_ci95.
    """
    edges = np.quantile(risk, np.arange(1, GROUPS) / GROUPS)
    group_index = np.searchsorted(edges, risk)
    groups = []
    for index in np.unique(group_index):
        members = group_index == index
        rows = follow_up(time_days[members], event[members])
        observed, resampled = _observed(rows, horizon_days, patients=patients[members], seed=seed)
        groups.append(
            {
                "n": int(members.sum()),
                "n_events": int((event[members] & (time_days[members] < horizon_days)).sum()),
                "expected": float(risk[members].mean()),
                "observed": json_number(observed),
                "observed_ci95": json_interval(percentile_interval(resampled)),
            }
        )
    return groups


def _observed(
    rows: FollowUp, day: float, *, patients: np.ndarray, seed: int
) -> tuple[float, np.ndarray]:
    """Return the observed risk before a day, and that of each resample, `(R,)`."""

    def statistic(weights: np.ndarray) -> np.ndarray:
        return observed_risk(rows, weights, days=np.array([day]))[:, 0]

    observed = float(statistic(np.ones((1, len(patients))))[0])
    return observed, resample_patients(patients, statistic, seed=seed).round(12)


def _ratio_interval(ratios: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of ratios `(R,)`; an infinite bound becomes NaN."""
    ratios = ratios[~np.isnan(ratios)]
    if len(ratios) == 0 or ratios.min() == ratios.max():
        return np.nan, np.nan
    low, high = np.percentile(ratios, [2.5, 97.5], method="inverted_cdf")
    return _nan_if_infinite(low), _nan_if_infinite(high)


def _nan_if_infinite(ratio: float) -> float:
    """Return NaN in place of infinity, which JSON cannot hold."""
    return float(ratio) if np.isfinite(ratio) else float("nan")
