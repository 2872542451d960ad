"""Cancer within years of a scan, with censoring, as targets for training."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.errors import InputError
from lungcam.metrics import DAYS_PER_YEAR, HORIZON_YEARS


def risk_targets(
    days_to_cancer: float | None, days_followed: float | None, years: int = HORIZON_YEARS
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
    if days_to_cancer is not None and days_to_cancer < years * DAYS_PER_YEAR:
        if days_to_cancer < 0:
            return None
        at = int(days_to_cancer // DAYS_PER_YEAR)
        return 1, _from(at, years), 1 - _from(at + 1, years)
    known = [days for days in (days_to_cancer, days_followed) if days is not None]
    if not known or max(known) < 0:
        return None
    at = min(int(max(known) // DAYS_PER_YEAR), years - 1)
    return 0, np.zeros(years), 1 - _from(at + 1, years)


def risk_cohort(cohort: Cohort, years: int = HORIZON_YEARS) -> Cohort:
    """Label a cohort by what is known of its samples within the horizon.

    Args:
        cohort: With `time_days` and `event` where they are known.
        years: The horizon.

    Returns:
        The samples of which anything is known; the label is 1 for an event within the horizon, 0
        where there is known to be none, None where follow-up ends before.

    Raises:
        InputError: Of no sample a time is known.
    """
    samples = []
    for sample in cohort.samples:
        targets = sample_targets(sample, years)
        if targets is not None:
            y, _, mask = targets
            samples.append(replace(sample, label=1 if y else 0 if mask.all() else None))
    if not samples:
        raise InputError(
            "task=risk: no sample has a time to event; choose data=nlst data.rule=risk, or a table "
            "with the columns time_days and event."
        )
    rule = (
        f"label 1: the event came within {years} years (of {DAYS_PER_YEAR} days) of the scan; "
        "0: known to "
        f"be without into year {years}; none where follow-up ends earlier"
    )
    if len(samples) == len(cohort.samples) and all(
        one.label == other.label for one, other in zip(samples, cohort.samples, strict=True)
    ):
        return cohort  # its own rule is this one, and says more
    notes = list(cohort.notes)
    if len(samples) < len(cohort.samples):
        left = len(cohort.samples) - len(samples)
        notes.append(f"left out, since no time to event is known: {left} samples")
    return Cohort(samples, rule, notes)


def sample_targets(
    sample: Sample, years: int = HORIZON_YEARS
) -> tuple[int, np.ndarray, np.ndarray] | None:
    """`risk_targets` of a sample; None where its times are not known."""
    if sample.time_days is None or sample.event is None:
        return None
    times = (sample.time_days, None) if sample.event else (None, sample.time_days)
    return risk_targets(*times, years)


def target_table(
    samples: Sequence[Sample], years: int = HORIZON_YEARS
) -> tuple[np.ndarray, np.ndarray]:
    """y_seq and y_mask of samples, `(N, years)` float32 each; see `risk_targets`.

    Args:
        samples: Of each a time to event is known.
        years: The horizon.
    """
    found = [sample_targets(one, years) for one in samples]
    rows = [np.stack([one[at] for one in found]) for at in (1, 2)]
    return rows[0].astype(np.float32), rows[1].astype(np.float32)


def _from(year: int, years: int) -> np.ndarray:
    """1 from a year on."""
    return (np.arange(years) >= year).astype(np.float64)
