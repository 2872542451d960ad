"""Logistic regression against the likelihood's own optimum and a known model."""

import numpy as np
import pytest
from scipy.special import expit

from lungcam.metrics.logistic import RIDGE, fit_logistic

RNG = np.random.default_rng(0)
AGE, SEX = RNG.normal(62, 5, 4000), RNG.integers(0, 2, 4000).astype(float)
SIZE = RNG.lognormal(2, 0.5, 4000)
LABELS = (RNG.random(4000) < expit(0.1 * (AGE - 62) + 0.8 * SEX + 0.3 * (SIZE - 8))).astype(int)
SCORES = {"diameter": SIZE, "age": AGE, "sex": SEX}


def test_the_coefficients_of_a_known_model_are_found():
    fitted = fit_logistic(SCORES, LABELS)
    assert fitted.names == ["diameter", "age", "sex"]
    assert fitted.weights == pytest.approx([0.3, 0.1, 0.8], abs=0.12)
    logits = fitted(SCORES)
    # the gradient of the likelihood is that of the ridge alone
    residual = expit(logits) - LABELS
    assert abs(residual.sum()) < 0.01
    for name, weight in zip(fitted.names, fitted.weights, strict=True):
        values = SCORES[name]
        z = (values - values.mean()) / values.std()
        assert z @ residual == pytest.approx(-RIDGE * weight * values.std(), abs=0.01)


def test_unknown_numbers_are_left_out_and_have_no_score():
    gaps = {name: values.copy() for name, values in SCORES.items()}
    gaps["age"][::3] = np.nan
    fitted = fit_logistic(gaps, LABELS)
    assert np.isnan(fitted(gaps)[::3]).all()
    assert not np.isnan(fitted(gaps)[1::3]).any()
    assert fitted({"age": AGE}) is None


def test_separable_labels_stay_finite():
    fitted = fit_logistic({"x": np.arange(10.0)}, np.arange(10) > 4)
    assert 0 < fitted.weights[0] < 10


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        ({}, [0, 1]),
        ({"x": np.ones(4)}, [0, 1, 0, 1]),
        ({"x": np.arange(4.0)}, [1, 1, 1, 1]),
        ({"x": np.full(4, np.nan)}, [0, 1, 0, 1]),
    ],
)
def test_without_anything_to_learn_from_there_is_no_fit(scores, labels):
    assert fit_logistic(scores, np.array(labels)) is None


def test_a_number_that_does_not_vary_is_left_out():
    fitted = fit_logistic({"x": np.arange(8.0), "y": np.ones(8)}, np.arange(8) % 2)
    assert fitted.names == ["x"]
