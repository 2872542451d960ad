"""One calibration for all years: a truth that is known, through heavy loss to follow-up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from lungcam.metrics import Calibration, fit_platt, fit_yearly_platt


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
    one = fit_platt(labels, logits, weights.astype(float))
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
def test_nothing_to_fit_changes_nothing(happened, mask):
    logits = np.arange(18.0).reshape(3, 6)
    assert fit_yearly_platt(logits, happened, mask, np.arange(3)) == Calibration()
