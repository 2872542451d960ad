"""AUROC, PR-AUC, sensitivity and operating threshold, by hand and against torchmetrics.

Intervals are checked against an independent solver and by simulation, sensitivities against every
cut-off. The PR-AUC is compared with torchmetrics in test_resampling.
"""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_auroc,
    binary_precision,
    binary_recall,
    binary_specificity,
)

from lungcam.metrics import (
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    metrics_at_threshold,
    newcombe_interval,
    sensitivity_at,
    sensitivity_interval,
    youden_threshold,
)
from lungcam.metrics.discrimination import (
    ROC_BAND_RATES,
    precision_recall_curve,
    roc_band,
    roc_curve,
)

# few distinct scores, so that ties are the rule
CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=40)


def split(case: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.array(case).T
    assume(0 < labels.sum() < len(labels))
    return labels, scores / 8


def binormal(generator: np.random.Generator, n: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` negatives from N(0, 1) and as many positives from N(shift, 1)."""
    labels = np.repeat([0, 1], n)
    return labels, generator.normal(size=2 * n) + shift * labels


@settings(deadline=None)
@given(CASES)
def test_auc_is_that_of_torchmetrics(case):
    labels, scores = split(case)
    theirs = binary_auroc(torch.tensor(scores), torch.tensor(labels))
    assert auc(labels, scores) == pytest.approx(float(theirs), abs=1e-6)


@settings(deadline=None)
@given(CASES)
def test_auc_depends_on_the_order_alone(case):
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
    assert np.isnan(auc_interval(labels, scores, patients=np.arange(5))).all()


def test_interval_is_reproducible_and_holds_the_estimate():
    labels, scores = binormal(np.random.default_rng(3), 25, 1.0)
    patients = np.arange(50)
    low, high = auc_interval(labels, scores, patients=patients, seed=1)
    assert (low, high) == auc_interval(labels, scores, patients=patients, seed=1)
    assert (low, high) != auc_interval(labels, scores, patients=patients, seed=2)
    assert 0 <= low < auc(labels, scores) < high <= 1


def test_interval_resamples_patients_not_rows():
    labels, scores = binormal(np.random.default_rng(4), 25, 1.0)
    copies = 6
    many_labels, many_scores = np.repeat(labels, copies), np.repeat(scores, copies)
    once = np.ptp(auc_interval(labels, scores, patients=np.arange(50)))
    by_patient = np.ptp(
        auc_interval(many_labels, many_scores, patients=np.repeat(np.arange(50), copies))
    )
    by_row = np.ptp(auc_interval(many_labels, many_scores, patients=np.arange(50 * copies)))
    # copies add no information; taken for people, they would narrow it by sqrt(6)
    assert by_patient == pytest.approx(once, rel=0.1)
    assert by_row < 0.6 * by_patient


def test_patients_may_be_named_by_strings():
    labels, scores = binormal(np.random.default_rng(5), 10, 1.0)
    names = np.array([f"person-{i:02d}" for i in range(20)])
    assert auc_interval(labels, scores, patients=names) == auc_interval(
        labels, scores, patients=np.arange(20)
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_without_an_error_the_interval_is_newcombes(sign):
    labels = np.repeat([0, 1], [12, 8])
    low, high = auc_interval(labels, sign * (labels + 0.0), patients=np.arange(20))
    estimate = 1.0 if sign == 1 else 0.0
    assert (low, high) == newcombe_interval(estimate, 8, n_negative=12)
    assert high - low > 0.1


def newcombe_by_roots(estimate: float, m: int, n: int) -> tuple[float, float]:
    """Solve Newcombe's method 5 from the paper's formula, with a root finder."""
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
    assert newcombe_interval(estimate, m, n_negative=n) == pytest.approx(
        newcombe_by_roots(estimate, m, n), abs=2e-5
    )


def test_newcombe_by_hand():
    # 1 positive, 1 negative: the mean count less one is 0, so the variance is t (1 - t) and, with
    # the estimate 1, the bound solves (1 - t)^2 = z^2 t (1 - t): t = 1 / (1 + z^2)
    low, high = newcombe_interval(1.0, 1, n_negative=1)
    assert low == pytest.approx(1 / (1 + 1.959964**2), abs=1e-5)
    assert high == 1


def test_newcombe_is_symmetric_in_the_classes():
    low, high = newcombe_interval(0.83, 12, n_negative=31)
    assert newcombe_interval(0.17, 31, n_negative=12) == pytest.approx(
        (1 - high, 1 - low), abs=1e-5
    )


@pytest.mark.parametrize("method", ["bootstrap", "newcombe"])
def test_interval_has_its_nominal_coverage(method, monkeypatch):
    # 2000 resamples cost seven times as much
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 300)
    generator = np.random.default_rng(6)
    truth, n, runs = 0.8, 40, 200
    covered = 0
    for _ in range(runs):
        labels, scores = binormal(generator, n, np.sqrt(2) * norm.ppf(truth))
        if method == "bootstrap":
            low, high = auc_interval(labels, scores, patients=np.arange(2 * n))
        else:
            low, high = newcombe_interval(auc(labels, scores), n, n_negative=n)
        covered += low <= truth <= high
    assert 0.90 <= covered / runs <= 0.99


def test_average_precision_by_hand():
    # from the top: 1 (precision 1, recall 1/2), 0, 1 (precision 2/3, recall 1)
    labels, scores = np.array([1, 0, 1, 0]), np.array([4.0, 3, 2, 1])
    assert average_precision(labels, scores) == pytest.approx(1 / 2 + 2 / 3 / 2)


def test_one_score_for_all_gives_the_share_of_positives():
    assert average_precision(np.array([1, 0, 0, 0]), np.zeros(4)) == 0.25


def test_average_precision_interval_holds_the_estimate_and_draws_patients():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [80, 40])
    scores = generator.normal(size=120) + labels
    low, high = average_precision_interval(labels, scores, patients=np.arange(120))
    assert low < average_precision(labels, scores) < high
    few = average_precision_interval(labels, scores, patients=np.arange(120) // 2 * 2)
    assert few != (low, high)


def test_average_precision_without_an_error_or_a_class_has_no_interval():
    labels = np.array([0, 0, 1, 1])
    assert np.isnan(average_precision_interval(labels, labels, patients=np.arange(4))).all()
    assert np.isnan(average_precision(np.ones(4, int), labels))
    assert np.isnan(
        average_precision_interval(np.ones(4, int), labels, patients=np.arange(4))
    ).all()


@settings(deadline=None)
@given(CASES)
def test_areas_under_the_curves_are_auc_and_average_precision(case):
    labels, scores = np.array(case).T
    assume(0 < labels.sum() < len(labels))
    false, true = roc_curve(labels, scores)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(auc(labels, scores))
    recall, precision = precision_recall_curve(labels, scores)
    steps = (np.diff(np.r_[0, recall]) * precision).sum()
    assert steps == pytest.approx(average_precision(labels, scores))


def test_the_band_holds_the_curve():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    scores = generator.normal(size=80) + labels
    low, high = roc_band(labels, scores, patients=np.arange(80))
    true = np.interp(ROC_BAND_RATES, *roc_curve(labels, scores))
    assert (low <= true + 0.03).all()
    assert (true <= high + 0.03).all()
    assert (high - low).max() > 0.1


SENSITIVITY_CASES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=2, max_size=40
)


@settings(deadline=None)
@given(SENSITIVITY_CASES, st.sampled_from([0.0, 0.5, 0.8, 0.9, 0.95, 1.0]))
def test_no_cut_off_has_a_higher_sensitivity(case, specificity):
    labels, scores = np.array(case).T
    if len(set(labels)) < 2:
        return
    # called: at or above the cut-off; integers keep the comparison exact
    called = scores >= np.arange(0, 11)[:, None]
    false = called[:, labels == 0].sum(axis=1)
    enough = (labels == 0).sum() - false >= round(specificity * 100) * (labels == 0).sum() / 100
    assert sensitivity_at(labels, scores, specificity=specificity) == called[:, labels == 1].mean(
        axis=1
    )[enough].max(initial=0)


def test_one_of_ten_negatives_may_be_called_at_90_percent():
    labels = np.repeat([0, 1], [10, 4])
    scores = np.r_[np.arange(10.0), 8.5, 9.5, 7.5, 9.2]
    # the negative at 9 may be called, the one at 8 not
    assert sensitivity_at(labels, scores, specificity=0.9) == 3 / 4
    assert sensitivity_at(labels, scores, specificity=0.95) == 2 / 4


def test_sensitivity_is_0_where_the_top_scores_tie():
    assert sensitivity_at(np.array([0, 0, 1]), np.array([1, 1, 1]), specificity=0.9) == 0


def test_sensitivity_interval_holds_the_estimate():
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    scores = generator.normal(size=120) + 1.5 * labels
    low, high = sensitivity_interval(labels, scores, patients=np.arange(120), specificity=0.9)
    assert 0 <= low <= sensitivity_at(labels, scores, specificity=0.9) <= high <= 1
    assert low < high
    assert np.isnan(
        sensitivity_interval(labels, labels, patients=np.arange(120), specificity=0.9)
    ).all()
    assert np.isnan(sensitivity_at(labels[:60], scores[:60], specificity=0.9))


@pytest.mark.parametrize("label", [0, 1])
def test_sensitivity_of_one_class_has_no_interval(label):
    labels = np.full(4, label)
    assert np.isnan(
        sensitivity_interval(labels, np.arange(4), patients=np.arange(4), specificity=0.9)
    ).all()


THRESHOLD_CASES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 10).map(lambda i: i / 10)), min_size=2, max_size=30
)


def test_youden_by_hand():
    # 0.3 | 0.4: sensitivity 1, specificity 2/3; 0.4 | 0.6: 2/3 and 2/3; 0.6 | 0.8: 2/3 and 1
    labels = np.array([0, 0, 1, 0, 1, 1])
    probabilities = np.array([0.1, 0.3, 0.4, 0.6, 0.8, 0.9])
    # the first and the last are equally good: of two, the lower is taken
    assert youden_threshold(labels, probabilities) == pytest.approx(0.35)


def test_of_equally_good_thresholds_the_middle_one_is_taken():
    labels = np.array([0, 1, 0, 1])
    probabilities = np.array([0.1, 0.2, 0.8, 0.9])
    # J: 1/2 at 0.15 and 0.85, 0 at 0.5; of two the lower
    assert youden_threshold(labels, probabilities) == pytest.approx(0.15)
    labels = np.array([0, 1, 0, 1, 0, 1])
    probabilities = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    # J: 1/3 at 0.15, 0.35 and 0.55, else 0
    assert youden_threshold(labels, probabilities) == pytest.approx(0.35)


def test_the_threshold_never_separates_tied_scores():
    labels = np.array([0, 1, 0, 1])
    probabilities = np.array([0.2, 0.6, 0.6, 0.6])
    assert youden_threshold(labels, probabilities) == pytest.approx(0.4)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_threshold_of_one_class_is_a_half(labels):
    assert youden_threshold(np.array(labels), np.array([0.1, 0.7, 0.9])) == 0.5


def test_threshold_of_a_single_score_is_a_half():
    assert youden_threshold(np.array([0, 1]), np.array([0.7, 0.7])) == 0.5


@settings(deadline=None)
@given(THRESHOLD_CASES)
def test_no_other_cut_between_the_scores_is_better(case):
    labels, probabilities = np.array(case).T
    scores = np.unique(probabilities)
    if len(set(labels)) < 2 or len(scores) < 2:
        return

    def youden(threshold: float) -> float:
        called = probabilities >= threshold
        return called[labels == 1].mean() - called[labels == 0].mean()

    chosen = youden(youden_threshold(labels, probabilities))
    assert chosen >= max(youden(cut) for cut in scores[1:]) - 1e-9


@settings(deadline=None)
@given(THRESHOLD_CASES, st.sampled_from([0.05, 0.35, 0.5, 0.95]))
def test_metrics_at_threshold_are_those_of_torchmetrics(case, threshold):
    labels, probabilities = np.array(case).T
    figures = metrics_at_threshold(labels, probabilities, threshold=threshold)
    # torchmetrics calls p > threshold: take a threshold between two scores
    p, y = torch.tensor(probabilities), torch.tensor(labels).long()
    between = threshold - 1e-4
    theirs = {
        "accuracy": binary_accuracy(p, y, between),
        "precision": binary_precision(p, y, between),
        "recall": binary_recall(p, y, between),
        "specificity": binary_specificity(p, y, between),
    }
    for name, value in figures.items():
        # torchmetrics returns 0 where there is no denominator
        assert (0 if value is None else value) == pytest.approx(float(theirs[name]), abs=1e-6)


def test_a_probability_at_the_threshold_is_called():
    figures = metrics_at_threshold(np.array([1, 0]), np.array([0.5, 0.49]), threshold=0.5)
    assert figures == {"accuracy": 1, "precision": 1, "recall": 1, "specificity": 1}


def test_a_ratio_without_a_denominator_is_none():
    nothing_called = metrics_at_threshold(np.array([0, 0]), np.array([0.1, 0.2]), threshold=0.5)
    assert nothing_called == {
        "accuracy": 1,
        "precision": None,
        "recall": None,
        "specificity": 1,
    }
    assert (
        metrics_at_threshold(np.array([1, 1]), np.array([0.1, 0.9]), threshold=0.5)["specificity"]
        is None
    )
