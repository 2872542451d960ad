"""Targets of training for an event within years of a scan, with censoring."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.errors import InputError
from lungcam.metrics import DAYS_PER_YEAR, HORIZON_YEARS


def risk_targets(
    days_to_cancer: float | None, days_followed: float | None, *, years: int = HORIZON_YEARS
) -> tuple[int, np.ndarray, np.ndarray] | None:
    """Turn times into targets by Sybil's rule.

    The year of an event is its days divided by 365, rounded down. With cancer in year k below
    `years`, y is 1, y_seq is 1 from k on and the mask is 1 up to k. Otherwise y is 0, y_seq is 0
    and the mask is 1 up to the year of censoring, at most the last: the year in which follow-up
    ends counts as free of cancer. Days to a cancer after the horizon count as days of follow-up.

    Source: Mikhael et al., J Clin Oncol 2023;41:2191-2200, and its published data loader.

    Args:
        days_to_cancer: Days from scan to diagnosis; None without a diagnosis.
        days_followed: Days from scan to the last day known to be free of cancer; None if unknown.
        years: Horizon in years.

    Returns:
        y, and y_seq and y_mask as float64 of shape `(years,)`. None if the sample must be dropped,
        since the time that counts is negative or no time is known.
    """
    if days_to_cancer is not None and days_to_cancer < years * DAYS_PER_YEAR:
        if days_to_cancer < 0:
            return None
        year = int(days_to_cancer // DAYS_PER_YEAR)
        return 1, _ones_from(year, years), 1 - _ones_from(year + 1, years)
    known_days = [days for days in (days_to_cancer, days_followed) if days is not None]
    if not known_days or max(known_days) < 0:
        return None
    year = min(int(max(known_days) // DAYS_PER_YEAR), years - 1)
    return 0, np.zeros(years), 1 - _ones_from(year + 1, years)


def risk_cohort(cohort: Cohort, years: int = HORIZON_YEARS) -> Cohort:
    """Label a cohort by what is known of its samples within the horizon.

    Args:
        cohort: Cohort with `time_days` and `event` where they are known.
        years: Horizon in years.

    Returns:
        The samples with a known time; the label is 1 for an event within the horizon, 0 if there
        is known to be none, None if follow-up ends before the horizon.

    Raises:
        InputError: No sample has a known time.
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
        sample.label == original.label
        for sample, original in zip(samples, cohort.samples, strict=True)
    ):
        return cohort  # the cohort's own rule is the same and more precise
    notes = list(cohort.notes)
    if len(samples) < len(cohort.samples):
        dropped = len(cohort.samples) - len(samples)
        notes.append(f"left out, since no time to event is known: {dropped} samples")
    return replace(cohort, samples=samples, label_rule=rule, notes=notes)


def sample_targets(
    sample: Sample, years: int = HORIZON_YEARS
) -> tuple[int, np.ndarray, np.ndarray] | None:
    """Return `risk_targets` of a sample; None where its times are not known."""
    if sample.time_days is None or sample.event is None:
        return None
    to_event, followed = (sample.time_days, None) if sample.event else (None, sample.time_days)
    return risk_targets(to_event, followed, years=years)


def target_table(
    samples: Sequence[Sample], years: int = HORIZON_YEARS
) -> tuple[np.ndarray, np.ndarray]:
    """Return y_seq and y_mask of samples, `(N, years)` float32 each; see `risk_targets`.

    Args:
        samples: Samples with a known time to event.
        years: Horizon in years.
    """
    targets = [sample_targets(sample, years) for sample in samples]
    y_seq = np.stack([sequence for _, sequence, _ in targets])
    y_mask = np.stack([mask for _, _, mask in targets])
    return y_seq.astype(np.float32), y_mask.astype(np.float32)


def _ones_from(year: int, years: int) -> np.ndarray:
    """Return 0 before a year and 1 from it on, of shape `(years,)`."""
    return (np.arange(years) >= year).astype(np.float64)
