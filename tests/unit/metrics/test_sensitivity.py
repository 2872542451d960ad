"""Sensitivity at fixed specificity, by hand and against every cut-off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.metrics import sensitivity_at, sensitivity_interval

cases = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=2, max_size=40)


@settings(deadline=None)
@given(cases, st.sampled_from([0.0, 0.5, 0.8, 0.9, 0.95, 1.0]))
def test_no_cut_off_does_better(case, specificity):
    labels, scores = np.array(case).T
    if len(set(labels)) < 2:
        return
    # called: at or above the cut-off; integers keep the comparison exact
    called = scores >= np.arange(0, 11)[:, None]
    false = called[:, labels == 0].sum(axis=1)
    kept = (labels == 0).sum() - false >= round(specificity * 100) * (labels == 0).sum() / 100
    assert sensitivity_at(labels, scores, specificity) == called[:, labels == 1].mean(axis=1)[
        kept
    ].max(initial=0)


def test_one_of_ten_negatives_may_be_called_at_90_percent():
    labels = np.repeat([0, 1], [10, 4])
    scores = np.r_[np.arange(10.0), 8.5, 9.5, 7.5, 9.2]
    # the negative at 9 may be called, the one at 8 not
    assert sensitivity_at(labels, scores, 0.9) == 3 / 4
    assert sensitivity_at(labels, scores, 0.95) == 2 / 4


def test_a_tie_at_the_top_calls_nobody():
    assert sensitivity_at(np.array([0, 0, 1]), np.array([1, 1, 1]), 0.9) == 0


def test_interval():
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    scores = generator.normal(size=120) + 1.5 * labels
    low, high = sensitivity_interval(labels, scores, np.arange(120), 0.9)
    assert 0 <= low <= sensitivity_at(labels, scores, 0.9) <= high <= 1
    assert low < high
    assert np.isnan(sensitivity_interval(labels, labels, np.arange(120), 0.9)).all()
    assert np.isnan(sensitivity_at(labels[:60], scores[:60], 0.9))


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_none(label):
    labels = np.full(4, label)
    assert np.isnan(sensitivity_interval(labels, np.arange(4), np.arange(4), 0.9)).all()
