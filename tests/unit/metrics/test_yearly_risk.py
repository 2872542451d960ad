"""AUROC and calibration of each year, by hand, against pairs, and where the truth is known."""

import numpy as np
import pytest

from lungcam.metrics import (
    auc,
    auc_interval,
    calibration_by_group,
    calibration_by_year,
    paired_difference,
    yearly_auc,
    yearly_baselines,
)


@pytest.mark.usefixtures("few_resamples")
def test_yearly_auc_by_hand(targets):
    # events in years 1 and 3; one free for all six, one lost in year 2, one with an event later
    time = np.array([100, 800, 2190, 500, 3000])
    event = np.array([True, True, False, False, True])
    mask, happened = targets(time, event)
    happened[4], mask[4] = 0, 1
    risks = np.repeat(np.array([0.5, 0.4, 0.3, 0.45, 0.5])[:, None], 6, axis=1)
    years = yearly_auc(risks, mask, happened=happened, patients=np.arange(5))
    counts = [(year["n_positive"], year["n"]) for year in years.values()]
    assert list(years) == ["1", "2", "3", "4", "5", "6"]
    # the one lost in year 2 is free in years 1 and 2 by Sybil's rule, and then left out; the event
    # of year 1 is a positive of year 3 though its mask has ended
    assert counts == [(1, 5), (1, 5), (2, 4), (2, 4), (2, 4), (2, 4)]
    # year 1: .5 against .4, .3, .45 and the tie; year 3: .5, .4 against .3, .5
    assert years["1"]["value"] == 3.5 / 4
    assert years["3"]["value"] == (1 + 0.5 + 1 + 0) / 4


@pytest.mark.usefixtures("few_resamples")
def test_each_year_has_its_own_risk_and_the_interval_of_auc_interval(targets):
    generator = np.random.default_rng(0)
    time, event = generator.integers(0, 2400, 60), generator.random(60) < 0.5
    mask, happened = targets(time, event)
    risks, patients = generator.random((60, 6)), np.arange(60) // 2
    years = yearly_auc(risks, mask, happened=happened, patients=patients, seed=3)
    for year in range(6):
        # by times, not masks: an event before the year's end, or followed into the year
        positive = event & (time < 365 * (year + 1))
        rows = positive | (time >= 365 * year)
        labels, scores = positive[rows].astype(int), risks[rows, year]
        bounds = auc_interval(labels, scores, patients=patients[rows], seed=3)
        assert years[str(year + 1)]["value"] == auc(labels, scores)
        assert tuple(years[str(year + 1)]["ci95"]) == bounds


@pytest.mark.usefixtures("few_resamples")
def test_a_year_of_one_class_has_no_auc(targets):
    mask, happened = targets(np.array([400, 2190, 2190]), np.array([True, False, False]))
    years = yearly_auc(
        np.random.default_rng(0).random((3, 6)), mask, happened=happened, patients=np.arange(3)
    )
    assert years["1"] == {"value": None, "ci95": [None, None], "n": 3, "n_positive": 0}
    assert years["2"]["value"] is not None


@pytest.mark.usefixtures("few_resamples")
def test_a_baseline_is_compared_with_the_net_on_the_same_rows(targets):
    generator = np.random.default_rng(1)
    time, event = generator.integers(0, 2400, 40), generator.random(40) < 0.5
    mask, happened = targets(time, event)
    risks, diameter = generator.random((40, 6)), generator.random(40)
    diameter[::4] = np.nan
    baselines = {"diameter": diameter, "unknown": np.full(40, np.nan)}
    comparisons = yearly_baselines(
        risks, mask, happened=happened, patients=np.arange(40), baselines=baselines, seed=2
    )
    assert list(comparisons) == ["diameter"]
    rows = ~np.isnan(diameter) & ((event & (time < 1095)) | (time >= 730))
    labels = happened[rows, 2].astype(int)
    paired = paired_difference(
        labels,
        risks[rows, 2],
        other_scores=diameter[rows],
        patients=np.arange(40)[rows],
        seed=2,
    )
    third = comparisons["diameter"]["3"]
    assert (third["n"], third["n_positive"]) == (rows.sum(), labels.sum())
    assert (third["auc"], third["baseline_auc"]) == (paired.auc, paired.other_auc)
    assert third["difference_ci95"] == [paired.low, paired.high]


def test_calibration_by_year_by_hand():
    # one event in year 1, one lost in year 2, one event in year 2 of the two left, one stays
    time, event = np.array([10, 400, 500, 2200]), np.array([True, False, True, False])
    risks = np.array([[0.4, 0.5, 0.9], [0.2, 0.3, 0.3], [0.1, 0.6, 0.6], [0.1, 0.1, 0.2]])
    years = calibration_by_year(risks, time_days=time, event=event, patients=np.arange(4)).values()
    assert [year["expected"] for year in years] == pytest.approx([0.2, 0.375, 0.5])
    assert [year["observed"] for year in years] == pytest.approx([1 / 4, 5 / 8, 5 / 8])
    assert [year["ratio"] for year in years] == pytest.approx([0.8, 0.6, 0.8])


@pytest.mark.usefixtures("few_resamples")
def test_calibrated_risks_have_a_ratio_of_one_though_many_are_lost():
    generator = np.random.default_rng(0)
    n, ends = 8000, np.arange(1, 7)
    rate = np.exp(generator.normal(size=n)) / 40
    due, lost = 365 * generator.exponential(1 / rate), 365 * generator.exponential(5, n)
    outcome = {
        "time_days": np.minimum(due, lost),
        "event": due <= lost,
        "patients": np.arange(n),
    }
    risks = 1 - np.exp(-rate[:, None] * ends)
    years = calibration_by_year(risks, **outcome)
    for year in years.values():
        low, high = year["ratio_ci95"]
        assert low < year["ratio"] < high
        assert year["ratio"] == pytest.approx(1, abs=0.1)
        assert low < 1.02
        assert high > 0.98
    groups = calibration_by_group(risks[:, -1], horizon_days=2190, **outcome)
    assert [group["n"] for group in groups] == [n // 4] * 4
    for group in groups:
        # three standard errors
        error = np.ptp(group["observed_ci95"]) / 3.92
        assert abs(group["observed"] - group["expected"]) < 3 * error
    # half as much risk as there is
    halved = calibration_by_year(risks / 2, **outcome)
    assert halved["6"]["ratio"] == years["6"]["ratio"] / 2
    assert halved["6"]["ratio_ci95"][1] < 0.6


def first_year(risks, time, event, patients) -> dict[str, object]:
    return calibration_by_year(risks, time_days=time, event=event, patients=patients)["1"]


def test_the_interval_is_that_of_a_share_where_nobody_is_lost():
    event = np.arange(200) < 40
    time = np.where(event, 100, 365)
    year = first_year(np.full((200, 1), 0.2), time, event, np.arange(200))
    error = np.sqrt(0.2 * 0.8 / 200)
    assert year["observed_ci95"] == pytest.approx(
        [0.2 - 1.96 * error, 0.2 + 1.96 * error], abs=0.01
    )
    low, high = year["observed_ci95"]
    assert year["ratio_ci95"] == pytest.approx([0.2 / high, 0.2 / low], rel=0.02)


def test_scans_of_a_person_are_resampled_together_in_calibration():
    event = np.arange(60) < 20
    time, risks = np.where(event, 100, 365), np.linspace(0.2, 0.5, 60)[:, None]
    once = first_year(risks, time, event, np.arange(60))
    *rows, patients = (
        np.repeat(values, 5, axis=0) for values in (risks, time, event, np.arange(60))
    )
    copied = first_year(*rows, patients)
    as_people = first_year(*rows, np.arange(300))
    assert copied["ratio_ci95"] == pytest.approx(once["ratio_ci95"], rel=0.02)
    assert np.ptp(as_people["ratio_ci95"]) < 0.6 * np.ptp(once["ratio_ci95"])


def test_one_event_does_not_bound_the_ratio_from_above():
    event = np.arange(30) == 0
    year = first_year(np.full((30, 1), 0.1), np.full(30, 364), event, np.arange(30))
    low, high = year["ratio_ci95"]
    assert low < year["ratio"]
    assert high is None
    assert year["observed_ci95"][0] == 0


def test_a_year_into_which_nobody_was_followed_is_not_known():
    years = calibration_by_year(
        np.full((4, 2), 0.1),
        time_days=np.full(4, 500),
        event=np.zeros(4, bool),
        patients=np.arange(4),
    )
    nothing = {"ratio": None, "ratio_ci95": [None, None], "observed_ci95": [None, None]}
    assert years["1"] == {"expected": pytest.approx(0.1), "observed": 0, **nothing}
    assert years["2"] == {"expected": pytest.approx(0.1), "observed": None, **nothing}


def test_equal_risks_stay_in_one_group():
    risk = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.4])
    event = np.array([True, *[False] * 7])
    outcome = {
        "time_days": np.where(event, 900, 2190),
        "event": event,
        "horizon_days": 2190,
        "patients": np.arange(8),
    }
    groups = calibration_by_group(risk, **outcome)
    assert [(group["n"], group["n_events"]) for group in groups] == [(5, 1), (1, 0), (2, 0)]
    assert [group["expected"] for group in groups] == pytest.approx([0.1, 0.2, 0.35])
    assert [group["observed"] for group in groups] == pytest.approx([0.2, 0, 0])
    assert groups[1]["observed_ci95"] == [None, None]
    assert len(calibration_by_group(np.full(8, 0.1), **outcome)) == 1
