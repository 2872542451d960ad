"""Expected and observed risk by year and by group: by hand, and where the truth is known."""

import numpy as np
import pytest

from lungcam.metrics import calibration_by_group, calibration_by_year


def test_by_hand():
    # one event in year 1, one lost in year 2, one event in year 2 of the two left, one stays
    time, event = np.array([10, 400, 500, 2200]), np.array([True, False, True, False])
    risks = np.array([[0.4, 0.5, 0.9], [0.2, 0.3, 0.3], [0.1, 0.6, 0.6], [0.1, 0.1, 0.2]])
    found = calibration_by_year(risks, time, event, np.arange(4))
    assert [one["expected"] for one in found.values()] == pytest.approx([0.2, 0.375, 0.5])
    assert [one["observed"] for one in found.values()] == pytest.approx([1 / 4, 5 / 8, 5 / 8])
    assert [one["ratio"] for one in found.values()] == pytest.approx([0.8, 0.6, 0.8])


@pytest.mark.usefixtures("few_resamples")
def test_right_risks_are_called_right_though_many_are_lost():
    generator = np.random.default_rng(0)
    n, years = 8000, np.arange(1, 7)
    rate = np.exp(generator.normal(size=n)) / 40
    due, lost = 365 * generator.exponential(1 / rate), 365 * generator.exponential(5, n)
    time, event = np.minimum(due, lost), due <= lost
    risks = 1 - np.exp(-rate[:, None] * years)
    found = calibration_by_year(risks, time, event, np.arange(n))
    for one in found.values():
        low, high = one["ratio_ci95"]
        assert low < one["ratio"] < high
        assert one["ratio"] == pytest.approx(1, abs=0.1)
        assert low < 1.02
        assert high > 0.98
    groups = calibration_by_group(risks[:, -1], time, event, 2190, np.arange(n))
    assert [one["n"] for one in groups] == [n // 4] * 4
    for one in groups:
        # three standard errors
        assert abs(one["observed"] - one["expected"]) < 3 / 3.92 * np.ptp(one["observed_ci95"])
    # half as much risk as there is
    halved = calibration_by_year(risks / 2, time, event, np.arange(n))
    assert halved["6"]["ratio"] == found["6"]["ratio"] / 2
    assert halved["6"]["ratio_ci95"][1] < 0.6


def test_the_interval_is_that_of_a_share_where_nobody_is_lost():
    event = np.arange(200) < 40
    time = np.where(event, 100, 365)
    found = calibration_by_year(np.full((200, 1), 0.2), time, event, np.arange(200))["1"]
    error = np.sqrt(0.2 * 0.8 / 200)
    assert found["observed_ci95"] == pytest.approx(
        [0.2 - 1.96 * error, 0.2 + 1.96 * error], abs=0.01
    )
    low, high = found["observed_ci95"]
    assert found["ratio_ci95"] == pytest.approx([0.2 / high, 0.2 / low], rel=0.02)


def test_a_persons_scans_are_no_new_people():
    event = np.arange(60) < 20
    time, risks = np.where(event, 100, 365), np.linspace(0.2, 0.5, 60)[:, None]
    once = calibration_by_year(risks, time, event, np.arange(60))["1"]
    many = [np.repeat(one, 5, axis=0) for one in (risks, time, event, np.arange(60))]
    copied = calibration_by_year(*many)["1"]
    as_people = calibration_by_year(*many[:3], np.arange(300))["1"]
    assert copied["ratio_ci95"] == pytest.approx(once["ratio_ci95"], rel=0.02)
    assert np.ptp(as_people["ratio_ci95"]) < 0.6 * np.ptp(once["ratio_ci95"])


def test_one_event_does_not_bound_the_ratio_from_above():
    event = np.arange(30) == 0
    found = calibration_by_year(np.full((30, 1), 0.1), np.full(30, 364), event, np.arange(30))["1"]
    low, high = found["ratio_ci95"]
    assert low < found["ratio"]
    assert high is None
    assert found["observed_ci95"][0] == 0


def test_a_year_into_which_nobody_was_followed_is_not_known():
    found = calibration_by_year(
        np.full((4, 2), 0.1), np.full(4, 500), np.zeros(4, bool), np.arange(4)
    )
    nothing = {"ratio": None, "ratio_ci95": [None, None], "observed_ci95": [None, None]}
    assert found["1"] == {"expected": pytest.approx(0.1), "observed": 0, **nothing}
    assert found["2"] == {"expected": pytest.approx(0.1), "observed": None, **nothing}


def test_equal_risks_stay_in_one_group():
    risk = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.4])
    event = np.array([True, *[False] * 7])
    time = np.where(event, 900, 2190)
    found = calibration_by_group(risk, time, event, 2190, np.arange(8))
    assert [(one["n"], one["n_events"]) for one in found] == [(5, 1), (1, 0), (2, 0)]
    assert [one["expected"] for one in found] == pytest.approx([0.1, 0.2, 0.35])
    assert [one["observed"] for one in found] == pytest.approx([0.2, 0, 0])
    assert found[1]["observed_ci95"] == [None, None]
    assert len(calibration_by_group(np.full(8, 0.1), time, event, 2190, np.arange(8))) == 1
