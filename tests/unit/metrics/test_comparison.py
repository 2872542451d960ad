"""The paired bootstrap, against DeLong's formula and by its coverage."""

import numpy as np
import pytest
from scipy.stats import norm

from lungcam.metrics import PairedDifference, auc, paired_difference


def two_scores(generator, n: int, shift: float, other: float, shared: float = 0.7):
    """Draw labels of `n` negatives and positives, and two scores with correlated noise."""
    labels = np.repeat([0, 1], n)
    both = generator.normal(size=2 * n)
    noises = [
        np.sqrt(shared) * both + np.sqrt(1 - shared) * generator.normal(size=2 * n)
        for _ in range(2)
    ]
    return labels, noises[0] + shift * labels, noises[1] + other * labels


def delong_error(labels, scores, others) -> float:
    """Return the standard error of the difference by DeLong, Biometrics 1988;44:837."""
    placements = []
    for values in (scores, others):
        wins = (values[labels == 1][:, None] > values[labels == 0]).astype(float)
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    positive, negative = (a - b for a, b in zip(*placements, strict=True))
    return np.sqrt(positive.var(ddof=1) / len(positive) + negative.var(ddof=1) / len(negative))


def compare(labels, scores, others, patients) -> PairedDifference:
    return paired_difference(labels, scores, other_scores=others, patients=patients)


def test_interval_and_p_are_near_delongs():
    labels, scores, others = two_scores(np.random.default_rng(2), 150, 1.5, 1.15)
    paired = compare(labels, scores, others, np.arange(300))
    error = delong_error(labels, scores, others)
    assert paired.difference == pytest.approx(auc(labels, scores) - auc(labels, others))
    assert (paired.high - paired.low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert paired.p == pytest.approx(2 * norm.sf(paired.difference / error), abs=0.02)


def test_swapping_the_scores_changes_the_sign_alone():
    labels, scores, others = two_scores(np.random.default_rng(3), 40, 1.5, 0.8)
    forward = compare(labels, scores, others, np.arange(80))
    backward = compare(labels, others, scores, np.arange(80))
    assert backward.difference == -forward.difference
    assert (backward.low, backward.high) == pytest.approx((-forward.high, -forward.low))
    assert backward.p == forward.p


def test_patients_are_resampled_whole():
    labels, scores, others = two_scores(np.random.default_rng(4), 40, 1.5, 0.8)
    once = compare(labels, scores, others, np.arange(80))
    repeated = [np.repeat(values, 6) for values in (labels, scores, others, np.arange(80))]
    copies = compare(*repeated)
    assert copies.high - copies.low == pytest.approx(once.high - once.low, rel=0.1)


def test_a_monotonic_transform_of_a_score_makes_no_difference():
    labels, scores, _ = two_scores(np.random.default_rng(5), 20, 1.0, 0.0)
    paired = compare(labels, scores, np.exp(scores), np.arange(40))
    assert (paired.difference, paired.low, paired.high, paired.p) == (0, 0, 0, 1)


def test_two_scores_without_an_error_have_no_interval():
    labels = np.array([0, 0, 1, 1])
    paired = compare(labels, np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2]), np.arange(4))
    assert (paired.difference, paired.p) == (0, 1)
    assert np.isnan([paired.low, paired.high]).all()


def test_one_class_gives_nan():
    nothing = compare(np.ones(3, int), np.arange(3), np.arange(3), np.arange(3))
    assert np.isnan([nothing.auc, nothing.difference, nothing.low, nothing.p]).all()


@pytest.mark.parametrize("other", [1.2, 0.5])
def test_interval_has_its_nominal_coverage(other, monkeypatch):
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 400)
    generator = np.random.default_rng(6)
    truth = norm.cdf(1.2 / np.sqrt(2)) - norm.cdf(other / np.sqrt(2))
    covered = rejected = 0
    for _ in range(250):
        labels, scores, others = two_scores(generator, 50, 1.2, other)
        paired = compare(labels, scores, others, np.arange(100))
        covered += paired.low <= truth <= paired.high
        rejected += paired.p < 0.05
    assert 0.90 <= covered / 250 <= 0.99
    if truth == 0:
        # two equally good scores differ significantly in 5 % of the cases
        assert 0.01 <= rejected / 250 <= 0.10
    else:
        assert rejected / 250 > 0.8
