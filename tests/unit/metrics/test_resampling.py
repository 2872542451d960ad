"""Weights stand for repeated rows, and resamples for people."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_average_precision

from lungcam.metrics import auc, average_precision, bootstrap, sensitivity_at, weighted_auc
from lungcam.metrics.average_precision import weighted_average_precision
from lungcam.metrics.resampling import RESAMPLES, percentile_interval
from lungcam.metrics.sensitivity import weighted_sensitivity

# label, score and how often the row counts; few scores, so that ties are the rule
rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=25
)


@settings(deadline=None)
@given(rows)
def test_a_weighted_figure_is_that_of_repeated_rows(case):
    labels, scores, weights = np.array(case).T
    again, repeated = np.repeat(labels, weights), np.repeat(scores / 6, weights)
    assume(len(set(again)) == 2)
    held = weights[None].astype(float)
    assert weighted_auc(labels, scores)(held)[0] == pytest.approx(auc(again, repeated))
    precision = binary_average_precision(torch.tensor(repeated), torch.tensor(again))
    assert weighted_average_precision(labels, scores)(held)[0] == pytest.approx(
        float(precision), abs=1e-6
    )
    assert average_precision(again, repeated) == pytest.approx(float(precision), abs=1e-6)
    for specificity in (0.5, 0.9):
        assert weighted_sensitivity(labels, scores, specificity)(held)[0] == pytest.approx(
            sensitivity_at(again, repeated, specificity)
        )


def test_weights_of_one_class_have_no_auc():
    weights = np.array([[1.0, 0, 2], [1, 1, 1]])
    values = weighted_auc(np.array([0, 1, 0]), np.array([1.0, 2, 3]))(weights)
    assert np.isnan(values[0])
    assert values[1] == 0.5


def test_whole_patients_are_drawn_as_many_as_there_are():
    labels, patients = np.array([0, 1, 0, 1, 0]), np.array(["b", "b", "a", "c", "c"])
    weights = bootstrap(labels, patients, lambda drawn: drawn)
    assert weights.shape == (RESAMPLES, 5)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 4]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    # a resample of "a" alone has no positive and is drawn anew
    assert (weights[:, 2] < 3).all()
    # each person is drawn once a resample in the mean; without "a" alone a little more for others
    expected = (27 * 1 - 1 * 3) / 26
    assert weights[:, 2].mean() == pytest.approx(expected, abs=0.06)


def test_little_memory_gives_as_many_resamples(monkeypatch):
    monkeypatch.setattr("lungcam.metrics.resampling.HELD", 7)
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.9])
    assert bootstrap(labels, np.arange(4), weighted_auc(labels, scores)).shape == (RESAMPLES,)


def test_one_label_cannot_be_resampled():
    with pytest.raises(ValueError, match="both labels"):
        bootstrap(np.ones(3, int), np.arange(3), lambda weights: weights)


def test_what_nothing_moves_has_no_interval():
    assert np.isnan(percentile_interval(np.ones(9))).all()
    assert percentile_interval(np.arange(101.0)) == (2.5, 97.5)
