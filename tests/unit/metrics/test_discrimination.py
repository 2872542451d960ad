"""The AUC and its interval, against torchmetrics, an independent solver and simulation."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from torchmetrics.functional.classification import binary_auroc

from lungcam.metrics import auc, auc_interval, newcombe_interval

# few distinct scores, so that ties are the rule
cases = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=40)


def split(case: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.array(case).T
    assume(0 < labels.sum() < len(labels))
    return labels, scores / 8


def binormal(generator: np.random.Generator, n: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """`n` negatives from N(0, 1) and as many positives from N(shift, 1)."""
    labels = np.repeat([0, 1], n)
    return labels, generator.normal(size=2 * n) + shift * labels


@settings(deadline=None)
@given(cases)
def test_auc_is_that_of_torchmetrics(case):
    labels, scores = split(case)
    theirs = binary_auroc(torch.tensor(scores), torch.tensor(labels))
    assert auc(labels, scores) == pytest.approx(float(theirs), abs=1e-6)


@settings(deadline=None)
@given(cases)
def test_auc_hangs_on_the_order_alone(case):
    labels, scores = split(case)
    assert auc(labels, np.exp(5 * scores) - 100) == auc(labels, scores)
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores))
    assert auc(1 - labels, scores) == pytest.approx(1 - auc(labels, scores))


def test_auc_by_hand():
    # pairs: 3 over 1, 3 over 2, 2 against 2 is half, 2 over 1
    assert auc(np.array([0, 0, 1, 1]), np.array([1, 2, 2, 3])) == 3.5 / 4


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_auc(label):
    labels, scores = np.full(5, label), np.arange(5.0)
    assert np.isnan(auc(labels, scores))
    assert np.isnan(auc_interval(labels, scores, np.arange(5))).all()


def test_interval_is_reproducible_and_holds_the_estimate():
    labels, scores = binormal(np.random.default_rng(3), 25, 1.0)
    patients = np.arange(50)
    low, high = auc_interval(labels, scores, patients, seed=1)
    assert (low, high) == auc_interval(labels, scores, patients, seed=1)
    assert (low, high) != auc_interval(labels, scores, patients, seed=2)
    assert 0 <= low < auc(labels, scores) < high <= 1


def test_interval_resamples_patients_not_rows():
    labels, scores = binormal(np.random.default_rng(4), 25, 1.0)
    copies = 6
    many_labels, many_scores = np.repeat(labels, copies), np.repeat(scores, copies)
    once = np.ptp(auc_interval(labels, scores, np.arange(50)))
    by_patient = np.ptp(auc_interval(many_labels, many_scores, np.repeat(np.arange(50), copies)))
    by_row = np.ptp(auc_interval(many_labels, many_scores, np.arange(50 * copies)))
    # copies tell nothing new; taken for people, they would narrow it by sqrt(6)
    assert by_patient == pytest.approx(once, rel=0.1)
    assert by_row < 0.6 * by_patient


def test_patients_may_be_named_by_strings():
    labels, scores = binormal(np.random.default_rng(5), 10, 1.0)
    names = np.array([f"person-{i:02d}" for i in range(20)])
    assert auc_interval(labels, scores, names) == auc_interval(labels, scores, np.arange(20))


@pytest.mark.parametrize("sign", [1, -1])
def test_without_an_error_newcombe_gives_the_interval(sign):
    labels = np.repeat([0, 1], [12, 8])
    low, high = auc_interval(labels, sign * (labels + 0.0), np.arange(20))
    estimate = 1.0 if sign == 1 else 0.0
    assert (low, high) == newcombe_interval(estimate, 8, 12)
    assert high - low > 0.1


def newcombe_by_roots(estimate: float, m: int, n: int) -> tuple[float, float]:
    """Newcombe's method 5 from the paper's formula, with a root finder."""
    star = (m + n) / 2 - 1

    def standard_error(theta: float) -> float:
        factor = 1 + star * (1 - theta) / (2 - theta) + star * theta / (1 + theta)
        return np.sqrt(theta * (1 - theta) * factor / (m * n))

    def bound(sign: int, start: float, stop: float) -> float:
        z = norm.ppf(0.975)
        return brentq(lambda t: t - estimate + sign * z * standard_error(t), start, stop)

    tiny = 1e-12
    low = 0.0 if estimate == 0 else bound(1, tiny, estimate - tiny)
    high = 1.0 if estimate == 1 else bound(-1, estimate + tiny, 1 - tiny)
    return low, high


@pytest.mark.parametrize(
    ("estimate", "m", "n"),
    [(0.8, 40, 40), (0.95, 10, 60), (0.5, 5, 5), (1.0, 35, 35), (1.0, 3, 50), (0.0, 7, 9)],
)
def test_newcombe_solves_its_equation(estimate, m, n):
    assert newcombe_interval(estimate, m, n) == pytest.approx(
        newcombe_by_roots(estimate, m, n), abs=2e-5
    )


def test_newcombe_by_hand():
    # 1 positive, 1 negative: the mean count less one is 0, so the variance is t (1 - t) and, with
    # the estimate 1, the bound solves (1 - t)^2 = z^2 t (1 - t): t = 1 / (1 + z^2)
    low, high = newcombe_interval(1.0, 1, 1)
    assert low == pytest.approx(1 / (1 + 1.959964**2), abs=1e-5)
    assert high == 1


def test_newcombe_is_the_same_seen_from_the_other_class():
    low, high = newcombe_interval(0.83, 12, 31)
    assert newcombe_interval(0.17, 31, 12) == pytest.approx((1 - high, 1 - low), abs=1e-5)


@pytest.mark.parametrize("method", ["bootstrap", "newcombe"])
def test_coverage(method, monkeypatch):
    # 2000 resamples cost seven times as much
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 300)
    generator = np.random.default_rng(6)
    truth, n, runs = 0.8, 40, 200
    covered = 0
    for _ in range(runs):
        labels, scores = binormal(generator, n, np.sqrt(2) * norm.ppf(truth))
        if method == "bootstrap":
            low, high = auc_interval(labels, scores, np.arange(2 * n))
        else:
            low, high = newcombe_interval(auc(labels, scores), n, n)
        covered += low <= truth <= high
    assert 0.90 <= covered / runs <= 0.99
