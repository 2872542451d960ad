"""AUC of the risk within each year, of those whose status is known by then."""

from collections.abc import Mapping

import numpy as np

from lungcam.metrics.auc import auc, auc_interval
from lungcam.metrics.ranking import against_baseline, interval, known

YEARLY_AUC_RULE = (
    "AUC of the risk within k years. Positive: the event came within k years, also where it came "
    "in an earlier one; negative: no event within k years, and followed at least into the last of "
    "them (Sybil's rule, J Clin Oncol 2023;41:2191); those lost before are left out, unweighted"
)


def year_rows(
    in_follow_up: np.ndarray, happened: np.ndarray, year: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that count in a year, and their labels.

    `y_mask` ends with the year of the event, but who had the event stays positive in all later
    years: the AUC is cumulative over events and dynamic over those still free.

    Args:
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        year: From 1 to Y.

    Returns:
        `(N,)` bool, and the labels, 0 and 1, of the rows that it chooses.
    """
    positive = happened[:, year - 1] == 1
    counts = positive | (in_follow_up[:, year - 1] == 1)
    return counts, positive[counts].astype(int)


def yearly_auc(
    risks: np.ndarray,
    in_follow_up: np.ndarray,
    happened: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> dict[str, dict[str, object]]:
    """AUC of each year by `YEARLY_AUC_RULE`, with its interval over patients.

    Args:
        risks: `(N, Y)`, risk within 1 to Y years, of any scale.
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        patients: `(N,)` patient of each row.
        seed: Of the resampling.

    Returns:
        By the year, from "1": value, ci95, n, n_positive; None where a class is missing.
    """
    figures = {}
    for year in range(1, risks.shape[1] + 1):
        rows, labels = year_rows(in_follow_up, happened, year)
        scores = risks[rows, year - 1]
        figures[str(year)] = {
            "value": known(auc(labels, scores)),
            "ci95": interval(auc_interval(labels, scores, patients[rows], seed)),
            "n": len(labels),
            "n_positive": int(labels.sum()),
        }
    return figures


def yearly_baselines(
    risks: np.ndarray,
    in_follow_up: np.ndarray,
    happened: np.ndarray,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, dict[str, dict[str, object]]]:
    """The net beside each baseline in each year, over the rows where the baseline is known.

    Args:
        risks: As of `yearly_auc`.
        in_follow_up: As of `yearly_auc`.
        happened: As of `yearly_auc`.
        patients: As of `yearly_auc`.
        baselines: Scores `(N,)` that need no network, the same for all years; NaN where unknown.
        seed: Of the resampling.

    Returns:
        By the baseline's name and the year, as of `against_baseline`; a baseline that is known of
        no row is left out.
    """
    figures: dict[str, dict[str, dict[str, object]]] = {}
    for name, baseline in baselines.items():
        told = ~np.isnan(baseline)
        for year in range(1, risks.shape[1] + 1) if told.any() else ():
            rows, labels = year_rows(in_follow_up[told], happened[told], year)
            figures.setdefault(name, {})[str(year)] = against_baseline(
                labels,
                risks[told][rows, year - 1],
                baseline[told][rows],
                patients[told][rows],
                seed,
            )
    return figures
