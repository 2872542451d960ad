"""Brier score and calibration error, against torchmetrics and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_calibration_error

from lungcam.metrics import brier, expected_calibration_error

# off the edges of the bins, where rounding decides
inside = st.integers(0, 99).map(lambda i: (i + 0.5) / 100)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), inside), min_size=1, max_size=60))
def test_calibration_error_is_that_of_torchmetrics(case):
    labels, probabilities = np.array(case).T
    theirs = binary_calibration_error(
        torch.tensor(probabilities), torch.tensor(labels).long(), n_bins=10, norm="l1"
    )
    assert expected_calibration_error(labels, probabilities) == pytest.approx(
        float(theirs), abs=1e-6
    )


def test_calibration_error_by_hand():
    # bin 0.2-0.3: mean 0.25, frequency 1/2, weight 2/3
    # bin 0.9-1: mean 0.9, frequency 0, weight 1/3
    labels, probabilities = np.array([0, 1, 0]), np.array([0.22, 0.28, 0.9])
    assert expected_calibration_error(labels, probabilities) == pytest.approx(
        0.25 * 2 / 3 + 0.9 / 3
    )


def test_certainty_falls_into_the_last_bin():
    # with 0.91 in one bin: |(1.00 + 0.91) - (0 + 1)| / 2; in a bin of its own: (1 + 0.09) / 2
    labels, probabilities = np.array([0, 1]), np.array([1.0, 0.91])
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0.455)


def test_one_bin_compares_the_means():
    labels, probabilities = np.array([0, 1, 1, 1]), np.array([0.1, 0.5, 0.9, 0.3])
    assert expected_calibration_error(labels, probabilities, bins=1) == pytest.approx(0.75 - 0.45)


def test_brier_by_hand():
    labels = np.array([0, 1, 1])
    assert brier(labels, np.array([0.2, 0.5, 1.0])) == pytest.approx((0.04 + 0.25 + 0) / 3)
    assert brier(labels, labels.astype(float)) == 0
    assert brier(labels, 1.0 - labels) == 1
