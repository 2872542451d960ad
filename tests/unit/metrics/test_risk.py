"""A split's figures of risk together, as metrics.json holds them."""

import json

import numpy as np
import pytest

from lungcam.metrics import RISK_RULES, concordance, risk_summary

pytestmark = pytest.mark.usefixtures("few_resamples")

PROMISED = {
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


def test_everything_is_told_and_is_plain_json(targets):
    rows = cohort(60, targets)
    found = risk_summary(*rows, {"diameter": np.arange(60.0)}, seed=1)
    assert set(found) == PROMISED
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["n"], found["n_patients"]) == (60, 30)
    assert found["n_events"] == (rows[4] & (rows[3] < 2190)).sum()
    both = concordance(rows[0][:, -1], rows[3], rows[4], 2190)
    assert (found["c_index"], found["harrell_c_index"]) == both
    low, high = found["c_index_ci95"]
    assert low < both[0] < high
    assert set(found["rules"]) == set(RISK_RULES)
    assert found == risk_summary(*rows, {"diameter": np.arange(60.0)}, seed=1)


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
    assert set(found) == PROMISED
    json.dumps(found, allow_nan=False)
    if of is not one_event or n == 1:
        assert found["c_index"] is None
        assert found["c_index_ci95"] == [None, None]
        assert all(one["value"] is None for one in found["auc"].values())


def test_of_no_scan_there_are_counts_alone():
    nobody = np.zeros(0)
    found = risk_summary(*[np.zeros((0, 6))] * 3, nobody, nobody.astype(bool), nobody, {})
    assert found == {"n": 0, "n_patients": 0, "n_events": 0}
