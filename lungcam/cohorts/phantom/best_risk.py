"""The best possible risk: what nobody can do better than who sees all that a phantom shows."""

import numpy as np

from lungcam.cohorts.phantom.course import (
    DIAGNOSED_MM,
    HALF_LIFE,
    HORIZON,
    SEEN_MM,
    STABLE_MM,
    STABLE_SHARE,
    YEAR,
    YEARS,
    pattern_share,
    shrunk,
)


def best_risk(diameter_mm: float, pattern: bool, share: float) -> np.ndarray:
    """Risk of cancer within each year, given what one scan shows.

    By Bayes' rule over the days t to the diagnosis: before the scan each has the odds of a constant
    hazard, and the scan is as likely as `Course` makes it, given t: its nodule is the wider of one
    that grows and one that does not, and the pattern has one share below the horizon and another
    beyond. All else in a scan (who, where, the nodule's form, noise) is drawn without looking at t,
    and tells nothing. The hazard has no memory: a scan at T1 of one who is still free means what it
    means at T0. No ranking of single scans has a higher AUC for a year than this risk.

    Args:
        diameter_mm: Of the nodule in the scan; 0 where there is none.
        pattern: Whether the pattern is there.
        share: Of people with the pattern among those whom cancer reaches before the horizon.

    Returns:
        Risk within 1, 2, ... 6 years (365 k days, the last not counted), shape `(6,)`.
    """
    # the last day stands for all from the horizon on: to them, scans are alike
    days = np.arange(1, HORIZON + 1)
    free = 2.0 ** (-np.arange(HORIZON + 1) / HALF_LIFE)
    odds = np.append(-np.diff(free[:HORIZON]), free[HORIZON - 1])
    shares = pattern_share(days, share)
    odds = odds * (shares if pattern else 1 - shares) * _diameter_odds(diameter_mm, days)
    reached = np.cumsum(odds)
    return reached[np.arange(1, YEARS + 1) * YEAR - 2] / reached[-1]


def _diameter_odds(diameter_mm: float, days: np.ndarray) -> np.ndarray:
    """Odds of no nodule, or density of its diameter in 1/mm, given days to the diagnosis.

    The wider of two nodules has a diameter where one has it and the other is no wider.
    """
    scale = shrunk(days)
    scale[-1] = 0
    low, high = (mm * scale for mm in DIAGNOSED_MM)
    cut = max(diameter_mm, SEEN_MM)
    # a cancer too small to be seen is none
    no_wider = np.clip((cut - low) / np.maximum(high - low, 1e-9), 0, 1)
    if not diameter_mm:
        return (1 - STABLE_SHARE) * no_wider
    grown = np.where((low <= cut) & (cut <= high), 1 / np.maximum(high - low, 1e-9), 0)
    least, most = STABLE_MM
    stable = STABLE_SHARE / (most - least) if least <= cut <= most else 0
    stable_no_wider = 1 - STABLE_SHARE * (1 - np.clip((cut - least) / (most - least), 0, 1))
    return grown * stable_no_wider + stable * no_wider
