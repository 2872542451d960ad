"""A cohort labelled by what is known of it within the horizon."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.survival import risk_cohort, target_table
from lungcam.errors import InputError


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
    sample("late", 2300, True, label=1),  # cancer, but beyond the horizon
    sample("free", 2000, False),
    sample("lost", 900, False, label=0),
    sample("unknown", None, None, label=1),
    sample("before", -5, True, label=1),
]


def test_labels_are_those_of_the_horizon():
    cohort = risk_cohort(Cohort(SAMPLES, "label 1: ill", ["a note"]))
    assert {one.sample_id: one.label for one in cohort.samples} == {
        "soon": 1,
        "late": 0,
        "free": 0,
        "lost": None,
    }
    assert "within 6 years" in cohort.label_rule
    assert cohort.notes == ["a note", "left out, since no time to event is known: 2 samples"]


def test_targets_by_hand():
    y_seq, y_mask = target_table(risk_cohort(Cohort(SAMPLES, "")).samples)
    assert y_seq.tolist() == [[1] * 6, [0] * 6, [0] * 6, [0] * 6]
    # 300 days: year 1; 900 days: years 1 to 3
    assert y_mask.sum(axis=1).tolist() == [1, 6, 6, 3]
    assert y_seq.dtype == y_mask.dtype == np.float32


def test_a_rule_that_says_the_same_is_kept():
    cohort = Cohort([sample("soon", 300, True, 1), sample("free", 2500, False, 0)], "NLST's rule")
    assert risk_cohort(cohort) is cohort


def test_a_cohort_without_times_is_refused_in_one_line():
    with pytest.raises(InputError, match="task=risk: no sample has a time to event"):
        risk_cohort(Cohort([sample("a", None, None, 1)], ""))
