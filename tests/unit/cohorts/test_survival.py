"""Survival targets and the labels of a risk cohort, against values worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.survival import risk_cohort, risk_targets, target_table
from lungcam.errors import InputError


@pytest.mark.parametrize(
    ("to_cancer", "followed", "y", "y_seq", "mask"),
    [
        # cancer within the horizon: known from its year on, later years are masked
        (0, 2000, 1, [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]),
        (364, None, 1, [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]),
        (365, 400, 1, [0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]),
        (800, -5, 1, [0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]),
        (2189, 2189, 1, [0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]),
        # cancer after the horizon: free through all years, whatever follow-up says
        (2190, 2190, 0, [0] * 6, [1] * 6),
        (4000, None, 0, [0] * 6, [1] * 6),
        (4000, 10, 0, [0] * 6, [1] * 6),
        # no cancer: free up to the year of censoring
        (None, 0, 0, [0] * 6, [1, 0, 0, 0, 0, 0]),
        (None, 364, 0, [0] * 6, [1, 0, 0, 0, 0, 0]),
        (None, 365, 0, [0] * 6, [1, 1, 0, 0, 0, 0]),
        (None, 1824, 0, [0] * 6, [1, 1, 1, 1, 1, 0]),
        (None, 1825, 0, [0] * 6, [1] * 6),
        (None, 9999, 0, [0] * 6, [1] * 6),
    ],
)
def test_targets_follow_sybils_rule(to_cancer, followed, y, y_seq, mask):
    targets = risk_targets(to_cancer, followed)
    assert targets[0] == y
    assert targets[1].dtype == targets[2].dtype == np.float64
    assert targets[1].tolist() == y_seq
    assert targets[2].tolist() == mask


@pytest.mark.parametrize("times", [(-1, 100), (-400, None), (None, -1), (None, None)])
def test_times_before_the_scan_or_unknown_give_no_targets(times):
    assert risk_targets(*times) is None


def test_the_horizon_can_be_shorter():
    y, y_seq, mask = risk_targets(500, None, years=2)
    assert (y, y_seq.tolist(), mask.tolist()) == (1, [0, 1], [1, 1])
    assert risk_targets(730, None, years=2)[0] == 0


@given(st.integers(0, 6000) | st.none(), st.integers(0, 6000) | st.none(), st.integers(1, 8))
def test_the_mask_covers_known_years_only(to_cancer, followed, years):
    targets = risk_targets(to_cancer, followed, years=years)
    if to_cancer is None and followed is None:
        assert targets is None
        return
    y, y_seq, mask = targets
    last = max(day for day in (to_cancer, followed) if day is not None)
    for year in range(years):
        if mask[year]:
            assert year * 365 <= last
            assert y_seq[year] == (to_cancer is not None and to_cancer < (year + 1) * 365)
    assert y == y_seq[-1]


def sample(name, days, event, label=None):
    return Sample(
        sample_id=name,
        patient_id=name,
        image=Path(name),
        label=label,
        label_source="",
        time_days=days,
        event=event,
    )


SAMPLES = [
    sample("soon", 300, True),
    sample("late", 2300, True, label=1),  # cancer, but after the horizon
    sample("free", 2000, False),
    sample("lost", 900, False, label=0),
    sample("unknown", None, None, label=1),
    sample("before", -5, True, label=1),
]


def test_labels_of_a_risk_cohort_follow_the_horizon():
    cohort = risk_cohort(Cohort(SAMPLES, "label 1: ill", ["a note"]))
    assert {sample.sample_id: sample.label for sample in cohort.samples} == {
        "soon": 1,
        "late": 0,
        "free": 0,
        "lost": None,
    }
    assert "within 6 years" in cohort.label_rule
    assert cohort.notes == ["a note", "left out, since no time to event is known: 2 samples"]


def test_target_table_stacks_the_targets_of_samples():
    y_seq, y_mask = target_table(risk_cohort(Cohort(SAMPLES, "")).samples)
    assert y_seq.tolist() == [[1] * 6, [0] * 6, [0] * 6, [0] * 6]
    # 300 days: year 1; 900 days: years 1 to 3
    assert y_mask.sum(axis=1).tolist() == [1, 6, 6, 3]
    assert y_seq.dtype == y_mask.dtype == np.float32


def test_a_cohort_with_the_same_labels_keeps_its_own_rule():
    cohort = Cohort([sample("soon", 300, True, 1), sample("free", 2500, False, 0)], "NLST's rule")
    assert risk_cohort(cohort) is cohort


def test_a_cohort_without_times_is_refused_in_one_line():
    with pytest.raises(InputError, match="task=risk: no sample has a time to event"):
        risk_cohort(Cohort([sample("a", None, None, 1)], ""))
