"""The bootstrap over patients, and the intervals of means, medians and shares."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from torchmetrics.functional.classification import binary_average_precision

from lungcam.metrics import (
    auc,
    average_precision,
    bootstrap,
    mean_interval,
    median,
    median_interval,
    sensitivity_at,
    weighted_auc,
)
from lungcam.metrics.discrimination import weighted_average_precision, weighted_sensitivity
from lungcam.metrics.resampling import (
    RESAMPLES,
    bootstrap_mean,
    percentile_interval,
    share_difference_interval,
    share_interval,
    weighted_median,
    wilson_interval,
)

NUMBERS = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@given(NUMBERS, st.lists(st.integers(1, 3), min_size=12, max_size=12))
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


def test_equal_values_other_than_0_and_1_have_no_interval():
    assert all(map(math.isnan, mean_interval(np.full(5, 0.3), np.arange(5))))
    assert all(map(math.isnan, median_interval(np.full(5, 7.0), np.arange(5))))


def test_lesions_of_one_patient_are_drawn_together():
    values = np.tile([1.0, 1, 0, 0], 10)
    alone = mean_interval(values, np.arange(40))
    # patients with hits only or misses only: as if there were half as many lesions
    pairs = mean_interval(np.repeat([1.0, 0], 20), np.repeat(np.arange(20), 2))
    assert alone[0] == pytest.approx(0.35, abs=0.03)
    assert pairs[1] - pairs[0] > 1.25 * (alone[1] - alone[0])


def test_interval_of_a_mean_is_that_of_scipys_percentile_bootstrap():
    values = np.random.default_rng(0).gamma(2, size=40)
    mean, low, high = bootstrap_mean(values, np.arange(40))
    generator = np.random.default_rng(1)
    reference = stats.bootstrap(
        (values,), np.mean, method="percentile", rng=generator
    ).confidence_interval
    assert mean == values.mean()
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=0.04)


def test_values_of_a_patient_are_drawn_together():
    values = np.repeat([0.0, 1.0, 2.0, 3.0], 10)
    _, low, high = bootstrap_mean(values, np.repeat(np.arange(4), 10))
    _, alone_low, alone_high = bootstrap_mean(values, np.arange(40))
    assert high - low > 2 * (alone_high - alone_low)


@pytest.mark.parametrize("values", [[2.0], [0.1, 0.1, 0.1]])
def test_a_mean_that_no_resample_moves_has_no_interval(values):
    mean, low, high = bootstrap_mean(np.array(values), np.arange(len(values)))
    assert mean == pytest.approx(values[0])
    assert np.isnan([low, high]).all()


def test_wilsons_interval_by_hand():
    # (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) for 9 of 10
    z2 = 1.959964**2
    middle, half = 0.9 + z2 / 20, np.sqrt(z2) * np.sqrt(0.009 + z2 / 400)
    expected = (middle - half) / (1 + z2 / 10), (middle + half) / (1 + z2 / 10)
    assert share_interval(0.9, 10) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"), [(9, 3, 0.1705, 0.8090), (10, 0, 0.6075, 1.0)]
)
def test_difference_of_shares_is_newcombes(first, second, low, high):
    # table II of the paper
    bounds = share_difference_interval(first / 10, second / 10, n=10)
    assert bounds == pytest.approx((low, high), abs=1e-4)


def test_wilson_interval_is_scipys():
    successes, trials = np.array([0, 3, 9, 10]), np.array([4, 10, 10, 10])
    low, high = wilson_interval(successes, trials)
    for i, (k, n) in enumerate(zip(successes, trials, strict=True)):
        reference = stats.binomtest(int(k), int(n)).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((reference.low, reference.high), abs=1e-6)


# label, score and weight of a row; few scores, so that ties are the rule
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=25
)


@settings(deadline=None)
@given(ROWS)
def test_weights_count_as_repeated_rows(case):
    labels, scores, weights = np.array(case).T
    repeated = np.repeat(labels, weights), np.repeat(scores / 6, weights)
    assume(len(set(repeated[0])) == 2)
    weights = weights[None].astype(float)
    assert weighted_auc(labels, scores)(weights)[0] == pytest.approx(auc(*repeated))
    reference = binary_average_precision(*(torch.tensor(values) for values in repeated[::-1]))
    expected = pytest.approx(float(reference), abs=1e-6)
    assert weighted_average_precision(labels, scores)(weights)[0] == expected
    assert average_precision(*repeated) == expected
    for specificity in (0.5, 0.9):
        statistic = weighted_sensitivity(labels, scores, specificity=specificity)
        expected = pytest.approx(sensitivity_at(*repeated, specificity=specificity))
        assert statistic(weights)[0] == expected


def test_weights_of_one_class_have_no_auc():
    weights = np.array([[1.0, 0, 2], [1, 1, 1]])
    values = weighted_auc(np.array([0, 1, 0]), np.array([1.0, 2, 3]))(weights)
    assert np.isnan(values[0])
    assert values[1] == 0.5


def test_as_many_patients_are_drawn_as_there_are():
    labels, patients = np.array([0, 1, 0, 1, 0]), np.array(["b", "b", "a", "c", "c"])
    weights = bootstrap(labels, patients, statistic=lambda weights: weights)
    assert weights.shape == (RESAMPLES, 5)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 4]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    # a resample of "a" alone has no positive and is drawn again
    assert (weights[:, 2] < 3).all()
    # each patient is drawn once on average; without "a" alone the others a little more often
    expected = (27 * 1 - 1 * 3) / 26
    assert weights[:, 2].mean() == pytest.approx(expected, abs=0.06)


def test_the_memory_limit_does_not_change_the_number_of_resamples(monkeypatch):
    monkeypatch.setattr("lungcam.metrics.resampling.MAX_WEIGHTS", 7)
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.9])
    assert bootstrap(labels, np.arange(4), statistic=weighted_auc(labels, scores)).shape == (
        RESAMPLES,
    )


def test_a_single_label_is_refused():
    with pytest.raises(ValueError, match="both labels"):
        bootstrap(np.ones(3, int), np.arange(3), statistic=lambda weights: weights)


def test_equal_resamples_have_no_interval():
    assert np.isnan(percentile_interval(np.ones(9))).all()
    assert percentile_interval(np.arange(101.0)) == (2.5, 97.5)
