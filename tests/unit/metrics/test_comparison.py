"""The paired bootstrap: against DeLong's formula, and by how often it is right."""

import numpy as np
import pytest
from scipy.stats import norm

from lungcam.metrics import auc, paired_difference


def two_scores(generator, n: int, shift: float, other: float, shared: float = 0.7):
    """Labels of `n` negatives and positives, and two scores whose noises have correlation."""
    labels = np.repeat([0, 1], n)
    both = generator.normal(size=2 * n)
    noises = [
        np.sqrt(shared) * both + np.sqrt(1 - shared) * generator.normal(size=2 * n)
        for _ in range(2)
    ]
    return labels, noises[0] + shift * labels, noises[1] + other * labels


def delong_error(labels, scores, others) -> float:
    """Standard error of the difference by DeLong, Biometrics 1988;44:837."""
    placed = []
    for one in (scores, others):
        wins = (one[labels == 1][:, None] > one[labels == 0]).astype(float)
        placed.append((wins.mean(axis=1), wins.mean(axis=0)))
    of_positive, of_negative = (a - b for a, b in zip(*placed, strict=True))
    return np.sqrt(
        of_positive.var(ddof=1) / len(of_positive) + of_negative.var(ddof=1) / len(of_negative)
    )


def test_interval_and_p_are_near_delongs():
    labels, scores, others = two_scores(np.random.default_rng(2), 150, 1.5, 1.15)
    paired = paired_difference(labels, scores, others, np.arange(300))
    error = delong_error(labels, scores, others)
    assert paired.difference == pytest.approx(auc(labels, scores) - auc(labels, others))
    assert (paired.high - paired.low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert paired.p == pytest.approx(2 * norm.sf(paired.difference / error), abs=0.02)


def test_it_is_the_same_seen_from_the_other_score():
    labels, scores, others = two_scores(np.random.default_rng(3), 40, 1.5, 0.8)
    there = paired_difference(labels, scores, others, np.arange(80))
    back = paired_difference(labels, others, scores, np.arange(80))
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert back.p == there.p


def test_patients_are_resampled_whole():
    labels, scores, others = two_scores(np.random.default_rng(4), 40, 1.5, 0.8)
    once = paired_difference(labels, scores, others, np.arange(80))
    six = [np.repeat(one, 6) for one in (labels, scores, others, np.arange(80))]
    copies = paired_difference(*six)
    assert copies.high - copies.low == pytest.approx(once.high - once.low, rel=0.1)


def test_a_score_does_not_differ_from_its_own_order():
    labels, scores, _ = two_scores(np.random.default_rng(5), 20, 1.0, 0.0)
    paired = paired_difference(labels, scores, np.exp(scores), np.arange(40))
    assert (paired.difference, paired.low, paired.high, paired.p) == (0, 0, 0, 1)


def test_two_scores_without_an_error_have_no_interval():
    labels = np.array([0, 0, 1, 1])
    paired = paired_difference(labels, np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2]), np.arange(4))
    assert (paired.difference, paired.p) == (0, 1)
    assert np.isnan([paired.low, paired.high]).all()


def test_one_class_compares_nothing():
    nothing = paired_difference(np.ones(3, int), np.arange(3), np.arange(3), np.arange(3))
    assert np.isnan([nothing.auc, nothing.difference, nothing.low, nothing.p]).all()


@pytest.mark.parametrize("other", [1.2, 0.5])
def test_coverage(other, monkeypatch):
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 400)
    generator = np.random.default_rng(6)
    truth = norm.cdf(1.2 / np.sqrt(2)) - norm.cdf(other / np.sqrt(2))
    covered = rejected = 0
    for _ in range(250):
        labels, scores, others = two_scores(generator, 50, 1.2, other)
        paired = paired_difference(labels, scores, others, np.arange(100))
        covered += paired.low <= truth <= paired.high
        rejected += paired.p < 0.05
    assert 0.90 <= covered / 250 <= 0.99
    if truth == 0:
        # two equally good scores are told apart in 5 % of the cases
        assert 0.01 <= rejected / 250 <= 0.10
    else:
        assert rejected / 250 > 0.8
