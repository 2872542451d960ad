"""Means and medians with intervals over patients."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungcam.metrics import mean_interval, median, median_interval
from lungcam.metrics.averages import weighted_median

numbers = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@given(numbers, st.lists(st.integers(1, 3), min_size=12, max_size=12))
def test_a_weighted_median_is_that_of_repeated_values(values, weights):
    values, weights = np.array(values, float), np.array(weights[: len(values)])
    expected = np.percentile(np.repeat(values, weights), 50, method="inverted_cdf")
    assert weighted_median(values, weights[None].astype(float))[0] == expected


def test_a_median_may_be_infinite():
    assert median(np.array([1, np.inf, np.inf])) == np.inf
    assert median(np.array([1, 2, np.inf])) == 2
    low, high = median_interval(np.array([1, 2, 3, 4, np.inf, np.inf]), np.arange(6))
    assert low < 3
    assert high == np.inf


@pytest.mark.parametrize("k", [0, 20])
def test_a_share_that_no_resample_moves_takes_wilson_s_interval(k):
    # of 20 patients: z^2 / (n + z^2) is what is left
    left = 1.959964**2 / (20 + 1.959964**2)
    low, high = mean_interval(np.full(40, k / 20), np.repeat(np.arange(20), 2))
    expected = (0, left) if k == 0 else (1 - left, 1)
    assert (low, high) == pytest.approx(expected, abs=1e-6)


def test_equal_values_that_are_no_share_have_no_interval():
    assert all(map(math.isnan, mean_interval(np.full(5, 0.3), np.arange(5))))
    assert all(map(math.isnan, median_interval(np.full(5, 7.0), np.arange(5))))


def test_lesions_of_one_patient_are_drawn_together():
    values = np.tile([1.0, 1, 0, 0], 10)
    alone = mean_interval(values, np.arange(40))
    # whole patients that are all hits or all misses: as if there were half as many
    pairs = mean_interval(np.repeat([1.0, 0], 20), np.repeat(np.arange(20), 2))
    assert alone[0] == pytest.approx(0.35, abs=0.03)
    assert pairs[1] - pairs[0] > 1.25 * (alone[1] - alone[0])
