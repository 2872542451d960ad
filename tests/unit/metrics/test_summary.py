"""A split's figures together, as metrics.json holds them.

A split's figures of risk together, as metrics.json holds them.
"""

import json

import numpy as np
import pytest

from lungcam.metrics import (
    RISK_RULES,
    auc,
    auc_interval,
    average_precision,
    brier,
    concordance,
    metrics_at_threshold,
    risk_summary,
    sensitivity_at,
    summarise,
)

PROMISED = {
    "n",
    "n_positive",
    "n_patients",
    "auc",
    "auc_ci95",
    "pr_auc",
    "pr_auc_ci95",
    "sensitivity_at_90_specificity",
    "sensitivity_at_90_specificity_ci95",
    "sensitivity_at_95_specificity",
    "sensitivity_at_95_specificity_ci95",
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "brier",
    "ece",
    "threshold",
    "baselines",
    "against_baselines",
}


def test_the_figures_are_those_of_the_functions():
    labels = np.array([0, 1, 0, 1, 1, 0])
    probabilities = np.array([0.1, 0.9, 0.6, 0.4, 0.8, 0.2])
    patients = np.arange(6)
    figures = summarise(
        labels, probabilities, patients=patients, threshold=0.5, baselines={}, seed=3
    )
    assert set(figures) == PROMISED
    assert (figures["n"], figures["n_positive"]) == (6, 3)
    assert figures["auc"] == auc(labels, probabilities)
    assert figures["auc_ci95"] == list(auc_interval(labels, probabilities, patients, 3))
    assert figures["pr_auc"] == average_precision(labels, probabilities)
    assert figures["sensitivity_at_90_specificity"] == sensitivity_at(
        labels, probabilities, specificity=0.9
    )
    assert figures["brier"] == brier(labels, probabilities)
    assert figures["threshold"] == 0.5
    assert figures["baselines"] == {}
    assert {name: figures[name] for name in ("accuracy", "precision", "recall", "specificity")} == (
        metrics_at_threshold(labels, probabilities, threshold=0.5)
    )


@pytest.mark.parametrize("labels", [[0, 1, 1], [0, 0, 0], [1, 1, 1]])
def test_json_without_nan(labels):
    figures = summarise(
        np.array(labels),
        np.array([0.2, 0.4, 0.9]),
        patients=np.arange(3),
        threshold=0.95,
        baselines={"diameter": np.array([3.0, np.nan, 9.0])},
    )
    again = json.loads(json.dumps(figures, allow_nan=False))
    assert set(again) == PROMISED
    assert (again["auc"] is None) == (len(set(labels)) == 1)
    assert (None in again["auc_ci95"]) == (len(set(labels)) == 1)


def test_a_baseline_leaves_out_what_is_unknown():
    labels = np.array([0, 0, 1, 1])
    baselines = {
        "diameter": np.array([5.0, np.nan, 9.0, 4.0]),
        "volume": np.full(4, np.nan),
        "depth": np.array([np.nan, np.nan, 1.0, 2.0]),
    }
    figures = summarise(
        labels,
        np.array([0.1, 0.2, 0.3, 0.4]),
        patients=np.arange(4),
        threshold=0.25,
        baselines=baselines,
    )
    # of the three known, 9 is above 5 and 4 is below; volumes are unknown; depths are of one class
    assert figures["baselines"] == {"auc_diameter": 0.5, "auc_depth": None}
    against = figures["against_baselines"]
    assert set(against) == {"diameter", "depth"}
    # over the same three the net, which knows all four, makes no error
    told = ("n", "n_positive", "auc", "baseline_auc", "difference")
    assert [against["diameter"][name] for name in told] == [3, 2, 1.0, 0.5, 0.5]
    assert against["depth"]["p"] is None
    # the network's own figures lose no row by it
    assert figures["n"] == 4
    assert figures["auc"] == 1


RISK_PROMISED = {
    "n", "n_patients", "n_events", "auc", "c_index", "c_index_ci95", "harrell_c_index",
    "harrell_c_index_ci95", "calibration", "groups", "against_baselines", "rules",
}  # fmt: skip


def cohort(n: int, targets):
    generator = np.random.default_rng(0)
    score = generator.normal(size=n)
    due, lost = generator.exponential(3000 * np.exp(-score)), generator.uniform(500, 4000, n)
    time, event = np.floor(np.minimum(due, lost)), due <= lost
    risks = 1 - np.exp(-np.exp(score)[:, None] * 365 * np.arange(1, 7) / 3000)
    return risks, *targets(time, event), time, event, np.arange(n) // 2


@pytest.mark.usefixtures("few_resamples")
def test_everything_is_told_and_is_plain_json(targets):
    rows = cohort(60, targets)
    found = risk_summary(*rows, {"diameter": np.arange(60.0)}, seed=1)
    assert set(found) == RISK_PROMISED
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["n"], found["n_patients"]) == (60, 30)
    assert found["n_events"] == (rows[4] & (rows[3] < 2190)).sum()
    both = concordance(rows[0][:, -1], rows[3], rows[4], 2190)
    assert (found["c_index"], found["harrell_c_index"]) == both
    low, high = found["c_index_ci95"]
    assert low < both[0] < high
    assert set(found["rules"]) == set(RISK_RULES)
    assert found == risk_summary(*rows, {"diameter": np.arange(60.0)}, seed=1)


@pytest.mark.usefixtures("few_resamples")
def test_names_of_patients_do_not_matter(targets):
    *rows, patients = cohort(30, targets)
    names = np.array([f"person-{one:03d}" for one in patients])
    assert risk_summary(*rows, names, {}) == risk_summary(*rows, patients, {})


def no_event(n):
    return np.linspace(100, 3000, n), np.zeros(n, bool)


def all_events_at_once(n):
    return np.full(n, 30), np.ones(n, bool)


def all_lost_at_once(n):
    return np.zeros(n), np.zeros(n, bool)


def one_event(n):
    return np.r_[900, np.full(n - 1, 2190)], np.arange(n) == 0


def events_after_the_horizon(n):
    return np.full(n, 2190), np.ones(n, bool)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("people", [1, 9])
@pytest.mark.parametrize(
    "of", [no_event, all_events_at_once, all_lost_at_once, one_event, events_after_the_horizon]
)
@pytest.mark.parametrize("risk", [0.0, 1.0, None])
def test_what_is_not_known_is_none(of, n, people, risk, targets):
    time, event = of(n)
    mask, happened = targets(time, event)
    risks = np.full((n, 6), risk) if risk is not None else np.linspace(0, 1, 6 * n).reshape(n, 6)
    found = risk_summary(
        risks, mask, happened, time, event, np.arange(n) % people, {"diameter": np.arange(n) * 1.0}
    )
    assert set(found) == RISK_PROMISED
    json.dumps(found, allow_nan=False)
    if of is not one_event or n == 1:
        assert found["c_index"] is None
        assert found["c_index_ci95"] == [None, None]
        assert all(one["value"] is None for one in found["auc"].values())


@pytest.mark.usefixtures("few_resamples")
def test_of_no_scan_there_are_counts_alone():
    nobody = np.zeros(0)
    found = risk_summary(*[np.zeros((0, 6))] * 3, nobody, nobody.astype(bool), nobody, {})
    assert found == {"n": 0, "n_patients": 0, "n_events": 0}
