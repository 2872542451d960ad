"""Platt scaling, against a grid of parameters and a truth that is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from lungcam.metrics import Calibration, brier, expected_calibration_error, fit_platt

cases = st.lists(st.tuples(st.integers(0, 1), st.integers(-20, 20)), min_size=2, max_size=30)


def smoothed_loss(labels, logits, slope, intercept):
    """Platt's loss by his own words, for arrays of parameters."""
    positive, negative = (labels == 1).sum(), (labels == 0).sum()
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    p = expit(np.multiply.outer(slope, logits) + np.asarray(intercept)[..., None])
    return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=-1)


def test_no_point_of_a_grid_is_better():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [30, 20])
    logits = generator.normal(size=50) * 2 + 1.5 * labels + 3
    found = fit_platt(labels, logits)
    slopes, intercepts = np.meshgrid(
        np.linspace(0.005, 3, 400), np.linspace(-8, 4, 400), indexing="ij"
    )
    losses = smoothed_loss(labels, logits, slopes, intercepts)
    best = np.unravel_index(losses.argmin(), losses.shape)
    assert smoothed_loss(labels, logits, found.slope, found.intercept) <= losses.min()
    assert found.slope == pytest.approx(slopes[best], abs=0.01)
    assert found.intercept == pytest.approx(intercepts[best], abs=0.04)


def test_overconfident_logits_are_brought_back():
    generator = np.random.default_rng(1)
    true_logits = generator.normal(size=20_000) * 1.5
    labels = (generator.random(20_000) < expit(true_logits)).astype(int)
    said = 4 * true_logits + 2
    found = fit_platt(labels[:10_000], said[:10_000])
    assert found.slope == pytest.approx(1 / 4, rel=0.05)
    assert found.intercept == pytest.approx(-2 / 4, abs=0.06)
    # on the half that it was not fitted on
    rest, before = labels[10_000:], expit(said[10_000:])
    after = found.probability(said[10_000:])
    assert expected_calibration_error(rest, after) < 0.02 < expected_calibration_error(rest, before)
    assert brier(rest, after) < brier(rest, before)


@settings(deadline=None)
@given(cases, st.sampled_from([1e-4, 1.0, 1e4]))
def test_ranks_are_never_turned_and_nothing_blows_up(case, scale):
    labels, logits = np.array(case).T
    found = fit_platt(labels, logits * scale)
    assert 0 < found.slope < np.inf
    order = np.argsort(logits, kind="stable")
    steps = np.diff(found.logit(logits[order] * scale))
    assert (steps[np.diff(logits[order]) > 0] > 0).all()
    if len(set(labels)) == 2:
        # as little sure as the smoothed targets, to which the mean probability is fitted
        positive, negative = labels.sum(), (1 - labels).sum()
        mean = (positive * (positive + 1) / (positive + 2) + negative / (negative + 2)) / len(
            labels
        )
        p = found.probability(logits * scale)
        if len(set(logits)) > 1:
            assert p.mean() == pytest.approx(mean, abs=1e-3)


def test_separable_logits_give_the_smoothed_targets_and_no_more():
    labels, logits = np.array([0, 0, 0, 1, 1]), np.array([-5.0, -5, -5, 7, 7])
    p = fit_platt(labels, logits).probability(logits)
    assert p == pytest.approx([1 / 5] * 3 + [3 / 4] * 2, abs=1e-3)


def test_logits_that_point_the_wrong_way_tell_nothing_then():
    labels, logits = np.array([0, 0, 0, 1, 1, 1]), np.array([3.0, 2, 1, -1, -2, -3])
    p = fit_platt(labels, logits).probability(logits)
    assert p == pytest.approx(np.full(6, 0.5), abs=0.01)
    assert (np.diff(p) < 0).all()


@pytest.mark.parametrize(
    ("labels", "logits"), [([1, 1, 1], [1.0, 2, 3]), ([0, 0], [1.0, 2]), ([0, 1], [4.0, 4])]
)
def test_nothing_to_fit_changes_nothing(labels, logits):
    assert fit_platt(np.array(labels), np.array(logits)) == Calibration(1.0, 0.0)


@pytest.mark.parametrize(("slope", "intercept"), [(0, 0), (-1, 0), (np.nan, 0), (1, np.inf)])
def test_a_calibration_that_would_turn_ranks_cannot_be_made(slope, intercept):
    with pytest.raises(ValueError, match="calibrate"):
        Calibration(slope, intercept)
