"""The operating threshold, by hand and against torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_precision,
    binary_recall,
    binary_specificity,
)

from lungcam.metrics import at_threshold, youden_threshold

cases = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 10).map(lambda i: i / 10)), min_size=2, max_size=30
)


def test_youden_by_hand():
    # 0.3 | 0.4: sensitivity 1, specificity 2/3; 0.4 | 0.6: 2/3 and 2/3; 0.6 | 0.8: 2/3 and 1
    labels = np.array([0, 0, 1, 0, 1, 1])
    probabilities = np.array([0.1, 0.3, 0.4, 0.6, 0.8, 0.9])
    # the first and the last are equally good: of two, the lower stands in the middle
    assert youden_threshold(labels, probabilities) == pytest.approx(0.35)


def test_of_equally_good_thresholds_the_middle_one_is_taken():
    labels = np.array([0, 1, 0, 1])
    probabilities = np.array([0.1, 0.2, 0.8, 0.9])
    # J: 1/2 at 0.15 and 0.85, 0 at 0.5; of two the lower
    assert youden_threshold(labels, probabilities) == pytest.approx(0.15)
    labels = np.array([0, 1, 0, 1, 0, 1])
    probabilities = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    # J: 1/3 at 0.15, 0.35 and 0.55, else 0
    assert youden_threshold(labels, probabilities) == pytest.approx(0.35)


def test_tied_scores_are_never_parted():
    labels = np.array([0, 1, 0, 1])
    probabilities = np.array([0.2, 0.6, 0.6, 0.6])
    assert youden_threshold(labels, probabilities) == pytest.approx(0.4)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_leaves_a_half(labels):
    assert youden_threshold(np.array(labels), np.array([0.1, 0.7, 0.9])) == 0.5


def test_one_score_leaves_a_half():
    assert youden_threshold(np.array([0, 1]), np.array([0.7, 0.7])) == 0.5


@settings(deadline=None)
@given(cases)
def test_no_other_cut_between_the_scores_is_better(case):
    labels, probabilities = np.array(case).T
    scores = np.unique(probabilities)
    if len(set(labels)) < 2 or len(scores) < 2:
        return

    def youden(threshold: float) -> float:
        called = probabilities >= threshold
        return called[labels == 1].mean() - called[labels == 0].mean()

    chosen = youden(youden_threshold(labels, probabilities))
    assert chosen >= max(youden(cut) for cut in scores[1:]) - 1e-9


@settings(deadline=None)
@given(cases, st.sampled_from([0.05, 0.35, 0.5, 0.95]))
def test_figures_are_those_of_torchmetrics(case, threshold):
    labels, probabilities = np.array(case).T
    figures = at_threshold(labels, probabilities, threshold)
    # torchmetrics calls p > threshold: bring in a threshold between two scores
    p, y = torch.tensor(probabilities), torch.tensor(labels).long()
    between = threshold - 1e-4
    theirs = {
        "accuracy": binary_accuracy(p, y, between),
        "precision": binary_precision(p, y, between),
        "recall": binary_recall(p, y, between),
        "specificity": binary_specificity(p, y, between),
    }
    for name, value in figures.items():
        # where there is no denominator torchmetrics says 0
        assert (0 if value is None else value) == pytest.approx(float(theirs[name]), abs=1e-6)


def test_a_probability_at_the_threshold_is_called():
    figures = at_threshold(np.array([1, 0]), np.array([0.5, 0.49]), 0.5)
    assert figures == {"accuracy": 1, "precision": 1, "recall": 1, "specificity": 1}


def test_a_ratio_without_a_denominator_is_none():
    nothing_called = at_threshold(np.array([0, 0]), np.array([0.1, 0.2]), 0.5)
    assert nothing_called == {
        "accuracy": 1,
        "precision": None,
        "recall": None,
        "specificity": 1,
    }
    assert at_threshold(np.array([1, 1]), np.array([0.1, 0.9]), 0.5)["specificity"] is None
