"""Metrics of a number, against scipy and torchmetrics, and the coverage of its interval."""

import numpy as np
import pytest
import scipy
import torch
from torchmetrics.functional.regression import mean_absolute_error, r2_score

from lungcam.metrics.numbers import (
    conformal_margin,
    fit_line,
    summarise_numbers,
    weighted_ranks,
)


@pytest.fixture
def numbers():
    """True and predicted numbers with ties, and patients."""
    generator = np.random.default_rng(0)
    true = generator.uniform(3, 30, 60).round()
    return true, true + generator.normal(1, 2, 60), np.array([f"p{i // 3}" for i in range(60)])


def test_figures_equal_those_of_others(numbers):
    true, predicted, patients = numbers
    figures = summarise_numbers(true, predicted, patients=patients, baselines={})
    p, t = torch.from_numpy(predicted), torch.from_numpy(true)
    assert figures["mae"] == pytest.approx(float(mean_absolute_error(p, t)))
    assert figures["r2"] == pytest.approx(float(r2_score(p, t)))
    assert figures["rmse"] == pytest.approx(float(((p - t) ** 2).mean().sqrt()))
    assert figures["spearman"] == pytest.approx(scipy.stats.spearmanr(true, predicted).statistic)
    difference = predicted - true
    assert figures["bias"] == pytest.approx(difference.mean())
    low, high = figures["limits_of_agreement"]
    assert (high - low) / 2 == pytest.approx(1.96 * difference.std(ddof=1))
    assert (high + low) / 2 == pytest.approx(difference.mean())
    for name in ("mae", "rmse", "r2", "spearman", "bias"):
        low, high = figures[f"{name}_ci95"]
        assert low < figures[name] < high, name


def test_r2_of_the_mean_is_0_and_of_worse_below():
    true, patients = np.arange(10.0) + 1e6, np.arange(10).astype(str)
    mean = summarise_numbers(true, np.full(10, true.mean()), patients=patients, baselines={})
    assert mean["r2"] == pytest.approx(0, abs=1e-6)
    assert mean["spearman"] is None
    worse = summarise_numbers(true, true + 10, patients=patients, baselines={})
    assert worse["r2"] < -1


def test_ranks_of_weights_are_those_of_repeated_values():
    values, weights = np.array([5.0, 1.0, 5.0, 3.0]), np.array([[2, 0, 1, 3]])
    repeated = np.repeat(values, weights[0])
    expected = scipy.stats.rankdata(repeated)
    ranks = weighted_ranks(values, weights)[0]
    assert np.repeat(ranks, weights[0]) == pytest.approx(expected)


def test_baselines_are_compared_on_the_samples_where_they_are_known(numbers):
    true, predicted, patients = numbers
    baselines = {"mean": np.full(60, 16.0), "size": np.where(np.arange(60) < 30, true, np.nan)}
    compared = summarise_numbers(true, predicted, patients=patients, baselines=baselines)
    mean, size = (compared["against_baselines"][name] for name in ("mean", "size"))
    assert mean["n"] == 60
    assert mean["baseline_mae"] == pytest.approx(np.abs(true - 16).mean())
    assert mean["difference"] == pytest.approx(
        np.abs(predicted - true).mean() - mean["baseline_mae"]
    )
    assert mean["difference_ci95"][1] < 0
    assert (size["n"], size["baseline_mae"]) == (30, 0)
    assert size["difference_ci95"][0] > 0


def test_a_line_is_that_of_least_squares_and_needs_three_scores():
    scores = np.array([0.0, 1.0, 2.0, np.nan])
    line = fit_line(scores, np.array([1.0, 3.0, 5.0, 100.0]))
    assert (line.slope, line.intercept) == (pytest.approx(2), pytest.approx(1))
    assert np.isnan(line(scores)[3])
    assert fit_line(np.array([1.0, 1.0, 2.0]), np.zeros(3)) is None


@pytest.mark.parametrize(("count", "rank"), [(9, 9), (19, 18), (99, 90)])
def test_the_margin_is_the_error_of_the_stated_rank(count, rank):
    errors = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    signs = np.where(np.arange(count) % 2, -1, 1)
    assert conformal_margin(errors * signs, 0.9) == rank


def test_too_few_errors_give_no_margin():
    assert conformal_margin(np.arange(8.0), 0.9) is None


def test_intervals_hold_at_least_the_stated_share_of_new_samples():
    generator = np.random.default_rng(0)
    held = [
        (
            np.abs(generator.standard_t(3, 200)) <= conformal_margin(generator.standard_t(3, 40))
        ).mean()
        for _ in range(400)
    ]
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)


def test_coverage_and_width_are_measured(numbers):
    true, predicted, patients = numbers
    bounds = predicted - 2, predicted + 2
    figures = summarise_numbers(true, predicted, patients=patients, baselines={}, bounds=bounds)
    assert figures["interval"]["coverage"] == pytest.approx((np.abs(predicted - true) <= 2).mean())
    assert figures["interval"]["width"] == pytest.approx(4)
