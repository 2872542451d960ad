"""Brier score and calibration error, against torchmetrics and by hand.

Platt scaling, against a grid of parameters and a truth that is known.

One calibration for all years: a truth that is known, through heavy loss to follow-up.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from torchmetrics.functional.classification import binary_calibration_error

from lungcam.metrics import (
    Calibration,
    brier,
    expected_calibration_error,
    fit_platt,
    fit_yearly_platt,
)

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


def screened(generator, n: int, lost_a_year: float, targets):
    """True cumulative logits `(n, 6)`, and y_seq and y_mask of people followed by whole years."""
    logits = generator.normal(size=(n, 1)) * 1.5 - 3 + np.array([0, 0.8, 1.3, 1.7, 2.0, 2.2])
    # in the year in which the risk first exceeds what this person can stand; 6: after the horizon
    due = (generator.random((n, 1)) >= expit(logits)).sum(axis=1)
    lost = np.minimum(generator.geometric(max(lost_a_year, 1e-9), n) - 1, 6)
    event = (due <= lost) & (due < 6)
    mask, happened = targets(365 * np.minimum(np.minimum(due, lost), 5) + 100, event)
    return logits, happened, mask


@pytest.mark.parametrize("lost_a_year", [0, 0.3])
def test_the_truth_is_found_again_however_many_are_lost(lost_a_year, targets):
    logits, happened, mask = screened(np.random.default_rng(0), 30_000, lost_a_year, targets)
    found = fit_yearly_platt(2 * logits + 1, happened, mask, np.arange(30_000))
    assert found.slope == pytest.approx(0.5, rel=0.04)
    assert found.intercept == pytest.approx(-0.5, abs=0.06)


def test_the_known_pairs_alone_would_mislead(targets):
    logits, happened, mask = screened(np.random.default_rng(0), 30_000, 0.3, targets)
    in_mask, told = mask == 1, (mask == 1) | (happened == 1)
    # the mask of training forgets events in later years, and what is lost is free of them
    assert fit_platt(happened[in_mask], logits[in_mask]).intercept < -0.2
    assert fit_platt(happened[told], logits[told]).intercept > 0.2


def test_patients_weigh_alike(targets):
    generator = np.random.default_rng(1)
    rows = screened(generator, 60, 0.1, targets)
    once = fit_yearly_platt(*rows, np.arange(60))
    copies = generator.integers(1, 5, 60)
    many = [np.repeat(one, copies, axis=0) for one in (*rows, np.arange(60))]
    again = fit_yearly_platt(*many)
    assert (again.slope, again.intercept) == pytest.approx((once.slope, once.intercept), rel=1e-4)


def test_weights_are_as_many_samples():
    generator = np.random.default_rng(2)
    labels, weights = generator.integers(0, 2, 40), generator.integers(1, 5, 40)
    logits = generator.normal(size=40) + labels
    one = fit_platt(labels, logits, weights=weights.astype(float))
    many = fit_platt(np.repeat(labels, weights), np.repeat(logits, weights))
    assert (one.slope, one.intercept) == pytest.approx((many.slope, many.intercept), rel=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 2500), st.booleans(), st.integers(-9, 9)), min_size=1, max_size=15
    ),
    st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_risks_never_fall_over_the_years_and_nothing_blows_up(targets, case, scale):
    days, event, first = (np.array(column) for column in zip(*case, strict=True))
    mask, happened = targets(days, event)
    logits = scale * (first[:, None] + np.arange(6))
    found = fit_yearly_platt(logits, happened, mask, np.arange(len(days)) // 2)
    assert 0 < found.slope < np.inf
    assert (np.diff(found.probability(logits), axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("happened", "mask"),
    [(np.zeros((3, 6)), np.ones((3, 6))), (np.zeros((3, 6)), np.zeros((3, 6)))],
)
def test_nothing_to_fit_changes_nothing_yearly_platt(happened, mask):
    logits = np.arange(18.0).reshape(3, 6)
    assert fit_yearly_platt(logits, happened, mask, np.arange(3)) == Calibration()
