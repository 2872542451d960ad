"""Brier score, calibration error and Platt scaling.

The references are torchmetrics, hand-worked cases, a grid of parameters, and a known truth that
must be recovered despite heavy loss to follow-up.
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
    platt_helps,
)

# off the edges of the bins, where rounding decides
INSIDE = st.integers(0, 99).map(lambda i: (i + 0.5) / 100)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), INSIDE), min_size=1, max_size=60))
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


def test_a_probability_of_1_falls_into_the_last_bin():
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


CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(-20, 20)), min_size=2, max_size=30)


def smoothed_loss(labels, logits, slope, intercept):
    """Compute Platt's loss by its definition, for arrays of parameters."""
    positive, negative = (labels == 1).sum(), (labels == 0).sum()
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    p = expit(np.multiply.outer(slope, logits) + np.asarray(intercept)[..., None])
    return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=-1)


def test_no_point_of_a_grid_is_better():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [30, 20])
    logits = generator.normal(size=50) * 2 + 1.5 * labels + 3
    fitted = fit_platt(labels, logits)
    slopes, intercepts = np.meshgrid(
        np.linspace(0.005, 3, 400), np.linspace(-8, 4, 400), indexing="ij"
    )
    losses = smoothed_loss(labels, logits, slopes, intercepts)
    best = np.unravel_index(losses.argmin(), losses.shape)
    assert smoothed_loss(labels, logits, fitted.slope, fitted.intercept) <= losses.min()
    assert fitted.slope == pytest.approx(slopes[best], abs=0.01)
    assert fitted.intercept == pytest.approx(intercepts[best], abs=0.04)


def test_overconfident_logits_are_corrected():
    generator = np.random.default_rng(1)
    true_logits = generator.normal(size=20_000) * 1.5
    labels = (generator.random(20_000) < expit(true_logits)).astype(int)
    logits = 4 * true_logits + 2
    fitted = fit_platt(labels[:10_000], logits[:10_000])
    assert fitted.slope == pytest.approx(1 / 4, rel=0.05)
    assert fitted.intercept == pytest.approx(-2 / 4, abs=0.06)
    # on the half that it was not fitted on
    rest, before = labels[10_000:], expit(logits[10_000:])
    after = fitted.probability(logits[10_000:])
    assert expected_calibration_error(rest, after) < 0.02 < expected_calibration_error(rest, before)
    assert brier(rest, after) < brier(rest, before)


def test_calibration_is_applied_where_it_helps_new_samples():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=400)
    labels = (rng.random(400) < expit(logits)).astype(int)
    # three times too sure, and shifted
    assert platt_helps(labels, 3 * logits + 1)


def test_calibration_is_not_applied_where_it_hurts():
    # labels that the net separates, and tells with the right certainty: Platt's smoothed targets
    # would draw the probabilities of 42 samples to the middle
    labels = np.arange(42) % 2
    logits = np.where(labels, 6.0, -6.0) + np.linspace(-1, 1, 42)
    assert not platt_helps(labels, logits)
    scaled = fit_platt(labels, logits).probability(logits)
    ece = expected_calibration_error
    assert ece(labels, scaled) > ece(labels, expit(logits))


def test_calibration_of_a_single_positive_cannot_be_judged():
    assert platt_helps(np.array([0, 0, 1]), np.array([-1.0, 0.0, 1.0]))


@settings(deadline=None)
@given(CASES, st.sampled_from([1e-4, 1.0, 1e4]))
def test_ranks_are_kept_and_parameters_stay_finite(case, scale):
    labels, logits = np.array(case).T
    fitted = fit_platt(labels, logits * scale)
    assert 0 < fitted.slope < np.inf
    order = np.argsort(logits, kind="stable")
    steps = np.diff(fitted.logit(logits[order] * scale))
    assert (steps[np.diff(logits[order]) > 0] > 0).all()
    if len(set(labels)) == 2:
        # the mean probability is fitted to the smoothed targets
        positive, negative = labels.sum(), (1 - labels).sum()
        mean = (positive * (positive + 1) / (positive + 2) + negative / (negative + 2)) / len(
            labels
        )
        p = fitted.probability(logits * scale)
        if len(set(logits)) > 1:
            assert p.mean() == pytest.approx(mean, abs=1e-3)


def test_separable_logits_give_the_smoothed_targets_and_no_more():
    labels, logits = np.array([0, 0, 0, 1, 1]), np.array([-5.0, -5, -5, 7, 7])
    p = fit_platt(labels, logits).probability(logits)
    assert p == pytest.approx([1 / 5] * 3 + [3 / 4] * 2, abs=1e-3)


def test_logits_that_point_the_wrong_way_become_uninformative():
    labels, logits = np.array([0, 0, 0, 1, 1, 1]), np.array([3.0, 2, 1, -1, -2, -3])
    p = fit_platt(labels, logits).probability(logits)
    assert p == pytest.approx(np.full(6, 0.5), abs=0.01)
    assert (np.diff(p) < 0).all()


@pytest.mark.parametrize(
    ("labels", "logits"), [([1, 1, 1], [1.0, 2, 3]), ([0, 0], [1.0, 2]), ([0, 1], [4.0, 4])]
)
def test_without_two_classes_or_a_spread_calibration_is_the_identity(labels, logits):
    assert fit_platt(np.array(labels), np.array(logits)) == Calibration(1.0, 0.0)


@pytest.mark.parametrize(("slope", "intercept"), [(0, 0), (-1, 0), (np.nan, 0), (1, np.inf)])
def test_a_calibration_that_would_reverse_ranks_is_refused(slope, intercept):
    with pytest.raises(ValueError, match="calibrate"):
        Calibration(slope, intercept)


def screened(generator, n: int, lost_a_year: float, targets):
    """Draw true cumulative logits `(n, 6)`, y_seq and y_mask of people followed by whole years."""
    logits = generator.normal(size=(n, 1)) * 1.5 - 3 + np.array([0, 0.8, 1.3, 1.7, 2.0, 2.2])
    # the year in which the risk first exceeds a random level; 6: after the horizon
    due = (generator.random((n, 1)) >= expit(logits)).sum(axis=1)
    lost = np.minimum(generator.geometric(max(lost_a_year, 1e-9), n) - 1, 6)
    event = (due <= lost) & (due < 6)
    mask, happened = targets(365 * np.minimum(np.minimum(due, lost), 5) + 100, event)
    return logits, happened, mask


def yearly_platt(logits, happened, mask, patients) -> Calibration:
    return fit_yearly_platt(logits, happened=happened, in_follow_up=mask, patients=patients)


@pytest.mark.parametrize("lost_a_year", [0, 0.3])
def test_the_truth_is_recovered_however_many_are_lost(lost_a_year, targets):
    logits, happened, mask = screened(np.random.default_rng(0), 30_000, lost_a_year, targets)
    fitted = yearly_platt(2 * logits + 1, happened, mask, np.arange(30_000))
    assert fitted.slope == pytest.approx(0.5, rel=0.04)
    assert fitted.intercept == pytest.approx(-0.5, abs=0.06)


def test_known_pairs_without_weights_are_biased(targets):
    logits, happened, mask = screened(np.random.default_rng(0), 30_000, 0.3, targets)
    in_mask, known = mask == 1, (mask == 1) | (happened == 1)
    # the mask of training leaves out the years after an event; known pairs lack the lost ones
    assert fit_platt(happened[in_mask], logits[in_mask]).intercept < -0.2
    assert fit_platt(happened[known], logits[known]).intercept > 0.2


def test_patients_have_equal_weight_however_many_scans_they_have(targets):
    generator = np.random.default_rng(1)
    rows = screened(generator, 60, 0.1, targets)
    once = yearly_platt(*rows, np.arange(60))
    copies = generator.integers(1, 5, 60)
    repeated = [np.repeat(values, copies, axis=0) for values in (*rows, np.arange(60))]
    copied = yearly_platt(*repeated)
    assert (copied.slope, copied.intercept) == pytest.approx((once.slope, once.intercept), rel=1e-4)


def test_weights_count_as_repeated_samples():
    generator = np.random.default_rng(2)
    labels, weights = generator.integers(0, 2, 40), generator.integers(1, 5, 40)
    logits = generator.normal(size=40) + labels
    weighted = fit_platt(labels, logits, weights=weights.astype(float))
    repeated = fit_platt(np.repeat(labels, weights), np.repeat(logits, weights))
    expected = pytest.approx((repeated.slope, repeated.intercept), rel=1e-5)
    assert (weighted.slope, weighted.intercept) == expected


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 2500), st.booleans(), st.integers(-9, 9)), min_size=1, max_size=15
    ),
    st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_calibrated_risks_never_fall_over_the_years(targets, case, scale):
    days, event, first = (np.array(column) for column in zip(*case, strict=True))
    mask, happened = targets(days, event)
    logits = scale * (first[:, None] + np.arange(6))
    fitted = yearly_platt(logits, happened, mask, np.arange(len(days)) // 2)
    assert 0 < fitted.slope < np.inf
    assert (np.diff(fitted.probability(logits), axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("happened", "mask"),
    [(np.zeros((3, 6)), np.ones((3, 6))), (np.zeros((3, 6)), np.zeros((3, 6)))],
)
def test_without_a_known_event_yearly_calibration_is_the_identity(happened, mask):
    logits = np.arange(18.0).reshape(3, 6)
    assert yearly_platt(logits, happened, mask, np.arange(3)) == Calibration()
