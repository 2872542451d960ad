"""PR-AUC by hand; against torchmetrics it stands in test_resampling."""

import numpy as np
import pytest

from lungcam.metrics import average_precision, average_precision_interval


def test_average_precision_by_hand():
    # from the top: 1 (precision 1, recall 1/2), 0, 1 (precision 2/3, recall 1)
    labels, scores = np.array([1, 0, 1, 0]), np.array([4.0, 3, 2, 1])
    assert average_precision(labels, scores) == pytest.approx(1 / 2 + 2 / 3 / 2)


def test_one_score_for_all_gives_the_share_of_positives():
    assert average_precision(np.array([1, 0, 0, 0]), np.zeros(4)) == 0.25


def test_interval_holds_the_estimate_and_widens_with_fewer_patients():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [80, 40])
    scores = generator.normal(size=120) + labels
    low, high = average_precision_interval(labels, scores, np.arange(120))
    assert low < average_precision(labels, scores) < high
    few = average_precision_interval(labels, scores, np.arange(120) // 2 * 2)
    assert few != (low, high)


def test_without_an_error_or_a_class_there_is_no_interval():
    labels = np.array([0, 0, 1, 1])
    assert np.isnan(average_precision_interval(labels, labels, np.arange(4))).all()
    assert np.isnan(average_precision(np.ones(4, int), labels))
    assert np.isnan(average_precision_interval(np.ones(4, int), labels, np.arange(4))).all()
