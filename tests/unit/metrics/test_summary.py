"""Summaries of a split, as metrics.json holds them."""

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

KEYS = {
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


def test_the_summary_holds_the_results_of_the_functions():
    labels = np.array([0, 1, 0, 1, 1, 0])
    probabilities = np.array([0.1, 0.9, 0.6, 0.4, 0.8, 0.2])
    patients = np.arange(6)
    metrics = summarise(
        labels, probabilities, patients=patients, threshold=0.5, baselines={}, seed=3
    )
    assert set(metrics) == KEYS
    assert (metrics["n"], metrics["n_positive"]) == (6, 3)
    assert metrics["auc"] == auc(labels, probabilities)
    assert metrics["auc_ci95"] == list(
        auc_interval(labels, probabilities, patients=patients, seed=3)
    )
    assert metrics["pr_auc"] == average_precision(labels, probabilities)
    assert metrics["sensitivity_at_90_specificity"] == sensitivity_at(
        labels, probabilities, specificity=0.9
    )
    assert metrics["brier"] == brier(labels, probabilities)
    assert metrics["threshold"] == 0.5
    assert metrics["baselines"] == {}
    assert {name: metrics[name] for name in ("accuracy", "precision", "recall", "specificity")} == (
        metrics_at_threshold(labels, probabilities, threshold=0.5)
    )


@pytest.mark.parametrize("labels", [[0, 1, 1], [0, 0, 0], [1, 1, 1]])
def test_a_summary_is_json_without_nan(labels):
    metrics = summarise(
        np.array(labels),
        np.array([0.2, 0.4, 0.9]),
        patients=np.arange(3),
        threshold=0.95,
        baselines={"diameter": np.array([3.0, np.nan, 9.0])},
    )
    read = json.loads(json.dumps(metrics, allow_nan=False))
    assert set(read) == KEYS
    assert (read["auc"] is None) == (len(set(labels)) == 1)
    assert (None in read["auc_ci95"]) == (len(set(labels)) == 1)


def test_a_baseline_is_compared_on_the_samples_where_it_is_known():
    labels = np.array([0, 0, 1, 1])
    baselines = {
        "diameter": np.array([5.0, np.nan, 9.0, 4.0]),
        "volume": np.full(4, np.nan),
        "depth": np.array([np.nan, np.nan, 1.0, 2.0]),
    }
    metrics = summarise(
        labels,
        np.array([0.1, 0.2, 0.3, 0.4]),
        patients=np.arange(4),
        threshold=0.25,
        baselines=baselines,
    )
    # of the three known, 9 is above 5 and 4 is below; volumes are unknown; depths are of one class
    assert metrics["baselines"] == {"auc_diameter": 0.5, "auc_depth": None}
    against = metrics["against_baselines"]
    assert set(against) == {"diameter", "depth"}
    # over the same three the net, which knows all four, makes no error
    names = ("n", "n_positive", "auc", "baseline_auc", "difference")
    assert [against["diameter"][name] for name in names] == [3, 2, 1.0, 0.5, 0.5]
    assert against["depth"]["p"] is None
    # the network's own metrics keep all rows
    assert metrics["n"] == 4
    assert metrics["auc"] == 1


RISK_KEYS = {
    "n", "n_patients", "n_events", "auc", "c_index", "c_index_ci95", "harrell_c_index",
    "harrell_c_index_ci95", "calibration", "groups", "against_baselines", "rules",
}  # fmt: skip


def cohort(n: int, targets) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    score = generator.normal(size=n)
    due, lost = generator.exponential(3000 * np.exp(-score)), generator.uniform(500, 4000, n)
    time, event = np.floor(np.minimum(due, lost)), due <= lost
    mask, happened = targets(time, event)
    return {
        "risks": 1 - np.exp(-np.exp(score)[:, None] * 365 * np.arange(1, 7) / 3000),
        "in_follow_up": mask,
        "happened": happened,
        "time_days": time,
        "event": event,
        "patients": np.arange(n) // 2,
    }


@pytest.mark.usefixtures("few_resamples")
def test_a_risk_summary_is_complete_and_plain_json(targets):
    rows, baselines = cohort(60, targets), {"diameter": np.arange(60.0)}
    metrics = risk_summary(**rows, baselines=baselines, seed=1)
    assert set(metrics) == RISK_KEYS
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert (metrics["n"], metrics["n_patients"]) == (60, 30)
    assert metrics["n_events"] == (rows["event"] & (rows["time_days"] < 2190)).sum()
    uno, harrell = concordance(
        rows["risks"][:, -1], time_days=rows["time_days"], event=rows["event"], horizon_days=2190
    )
    assert (metrics["c_index"], metrics["harrell_c_index"]) == (uno, harrell)
    low, high = metrics["c_index_ci95"]
    assert low < uno < high
    assert set(metrics["rules"]) == set(RISK_RULES)
    assert metrics == risk_summary(**rows, baselines=baselines, seed=1)


@pytest.mark.usefixtures("few_resamples")
def test_names_of_patients_do_not_matter(targets):
    rows = cohort(30, targets)
    names = np.array([f"person-{patient:03d}" for patient in rows["patients"]])
    renamed = risk_summary(**rows | {"patients": names}, baselines={})
    assert renamed == risk_summary(**rows, baselines={})


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
    "outcome", [no_event, all_events_at_once, all_lost_at_once, one_event, events_after_the_horizon]
)
@pytest.mark.parametrize("risk", [0.0, 1.0, None])
def test_unknown_metrics_are_none(outcome, n, people, risk, targets):
    time, event = outcome(n)
    mask, happened = targets(time, event)
    risks = np.full((n, 6), risk) if risk is not None else np.linspace(0, 1, 6 * n).reshape(n, 6)
    metrics = risk_summary(
        risks,
        in_follow_up=mask,
        happened=happened,
        time_days=time,
        event=event,
        patients=np.arange(n) % people,
        baselines={"diameter": np.arange(n) * 1.0},
    )
    assert set(metrics) == RISK_KEYS
    json.dumps(metrics, allow_nan=False)
    if outcome is not one_event or n == 1:
        assert metrics["c_index"] is None
        assert metrics["c_index_ci95"] == [None, None]
        assert all(year["value"] is None for year in metrics["auc"].values())


@pytest.mark.usefixtures("few_resamples")
def test_without_scans_there_are_counts_alone():
    nobody, nothing = np.zeros(0), np.zeros((0, 6))
    metrics = risk_summary(
        nothing,
        in_follow_up=nothing,
        happened=nothing,
        time_days=nobody,
        event=nobody.astype(bool),
        patients=nobody,
        baselines={},
    )
    assert metrics == {"n": 0, "n_patients": 0, "n_events": 0}
