"""Cancer within years of a scan, with censoring, as targets for training."""

import numpy as np

DAYS = 365


def risk_targets(
    days_to_cancer: float | None, days_followed: float | None, years: int = 6
) -> tuple[int, np.ndarray, np.ndarray] | None:
    """Turn times into targets by Sybil's rule.

    The year of an event is its days divided by 365, rounded down. With cancer in year k below
    `years`, y is 1, y_seq is 1 from k on and the mask is 1 up to k. Else y is 0, y_seq is 0 and the
    mask is 1 up to the year of censoring, at most the last: the year in which follow-up ends counts
    as free. Days on which cancer was found after the horizon count as followed.

    Source: Mikhael et al., J Clin Oncol 2023;41:2191-2200, and its published data loader.

    Args:
        days_to_cancer: Days from scan to diagnosis; None where there was none.
        days_followed: Days from scan to the last day known to be free; None where unknown.
        years: The horizon.

    Returns:
        y, and y_seq and y_mask as float64 of shape `(years,)`. None, to be dropped, where a time
        that counts is negative or no time is known.
    """
    if days_to_cancer is not None and days_to_cancer < years * DAYS:
        if days_to_cancer < 0:
            return None
        at = int(days_to_cancer // DAYS)
        return 1, _from(at, years), 1 - _from(at + 1, years)
    known = [days for days in (days_to_cancer, days_followed) if days is not None]
    if not known or max(known) < 0:
        return None
    at = min(int(max(known) // DAYS), years - 1)
    return 0, np.zeros(years), 1 - _from(at + 1, years)


def _from(year: int, years: int) -> np.ndarray:
    """1 from a year on."""
    return (np.arange(years) >= year).astype(np.float64)
