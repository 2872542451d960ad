"""The C-index against all pairs, by hand, and against what it would be without censoring.

Kaplan-Meier by hand, as a plain share, and by counting one day after the other.

The AUC of each year, by hand and against pairs of those whose status is known.

Expected and observed risk by year and by group: by hand, and where the truth is known.
"""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lungcam.metrics import (
    auc,
    auc_interval,
    calibration_by_group,
    calibration_by_year,
    concordance,
    concordance_interval,
    follow_up,
    observed_risk,
    paired_difference,
    yearly_auc,
    yearly_baselines,
)
from lungcam.metrics.survival import weighted_concordance

HORIZON = 10
cases = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 4), st.integers(0, 2)),
    min_size=1,
    max_size=25,
)


def columns(case):
    return (np.array(column) for column in zip(*case, strict=True))


def all_pairs(scores, time, event, horizon):
    """Both indices by the definition, a pair at a time."""
    sums = np.zeros((2, 2))
    for i in range(len(scores)):
        if not event[i] or time[i] >= horizon:
            continue
        uncensored = 1.0
        for day in sorted({t for t in time if t < time[i]}):
            outlasting = (time > day) | ((time == day) & ~event)
            uncensored *= 1 - ((time == day) & ~event).sum() / max(1, outlasting.sum())
        for j in range(len(scores)):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                won = (scores[i] > scores[j]) + (scores[i] == scores[j]) / 2
                sums += np.outer([uncensored**-2, 1], [won, 1])
    return tuple(won / pairs if pairs else np.nan for won, pairs in sums)


def test_by_hand():
    # A has the event on day 1, B is lost on 2, C has it on 3, D is lost on 4
    scores, time = np.array([0.9, 0.1, 0.2, 0.5]), np.array([1, 2, 3, 4])
    event = np.array([True, False, True, False])
    # A before B, C, D is right; C before D is wrong, and stands for (3/2)^2 pairs since a third
    # of those who might have been seen on day 3 was lost on day 2
    assert concordance(scores, time, event, 100) == pytest.approx((3 / (3 + 9 / 4), 3 / 4))
    # before day 3 there is A alone
    assert concordance(scores, time, event, 3) == (1, 1)
    # equal risks count half
    assert concordance(np.zeros(4), time, event, 100) == (0.5, 0.5)


def test_one_lost_on_the_day_of_an_event_is_later():
    both = concordance(np.array([1, 0]), np.array([5, 5]), np.array([True, False]), 10)
    assert both == (1, 1)
    # two events of one day have no order
    none = concordance(np.array([1, 0]), np.array([5, 5]), np.array([True, True]), 10)
    assert np.isnan(none).all()


@settings(deadline=None)
@given(cases)
def test_it_is_that_of_all_pairs_and_weights_are_as_many_rows(case):
    time, event, scores, weights = columns(case)
    theirs = all_pairs(scores, time, event, HORIZON)
    assert concordance(scores, time, event, HORIZON) == pytest.approx(theirs, nan_ok=True, abs=1e-9)
    of = weighted_concordance(scores, follow_up(time, event), horizon_days=HORIZON)
    many = [np.repeat(one, weights) for one in (scores, time, event)]
    found = of(weights[None].astype(float))[0]
    assert found == pytest.approx(all_pairs(*many, HORIZON), nan_ok=True, abs=1e-9)


@settings(deadline=None)
@given(cases, st.randoms(use_true_random=False))
def test_it_hangs_on_the_order_alone(case, random):
    time, event, scores, _ = columns(case)
    both = concordance(scores, time, event, HORIZON)
    assume(not np.isnan(both[0]))
    assert concordance(np.exp(scores) - 9, time, event, HORIZON) == both
    assert concordance(-scores, time, event, HORIZON) == pytest.approx((1 - both[0], 1 - both[1]))
    perfect = -2 * time + event
    assert concordance(perfect, time, event, HORIZON) == pytest.approx((1, 1))
    assert concordance(np.full(len(time), 0.3), time, event, HORIZON) == pytest.approx((0.5, 0.5))
    order = list(range(len(time)))
    random.shuffle(order)
    shuffled = concordance(scores[order], time[order], event[order], HORIZON)
    assert shuffled == pytest.approx(both)


@settings(deadline=None, max_examples=20)
@given(cases)
def test_blocks_of_events_are_all_counted(case):
    time, event, scores, weights = columns(case)
    of = weighted_concordance(scores, follow_up(time, event), horizon_days=HORIZON)
    drawn = np.stack([np.ones(len(time)), weights])
    whole = of(drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("lungcam.metrics.survival"), "MAX_WEIGHTS", 1)
        assert of(drawn) == pytest.approx(whole, nan_ok=True)


def people(generator, n: int, lost_days: float):
    """Scores, times and events before a horizon of 2000 days; and the times without loss.

    Late events obey the score less than early ones, so that it matters who is seen.
    """
    score = generator.normal(size=n)
    early = generator.exponential(4000 * np.exp(-1.5 * score))
    due = np.where(early < 700, early, 700 + generator.exponential(1500, n))
    lost = np.minimum(generator.exponential(lost_days, n), 3000)
    return score, np.minimum(due, lost), due <= lost, due


def test_unos_does_not_hang_on_how_long_people_were_followed():
    score, time, event, due = people(np.random.default_rng(3), 8000, 700)
    uno, harrell = concordance(score, time, event, 2000)
    truth, _ = concordance(score, due, np.ones(8000, bool), 2000)
    assert uno == pytest.approx(truth, abs=0.015)
    assert harrell > truth + 0.05


def test_the_interval_is_as_wide_as_the_spread_over_other_people():
    generator = np.random.default_rng(4)
    drawn = [people(generator, 120, 1500)[:3] for _ in range(150)]
    spread = np.std([concordance(*one, 2000) for one in drawn], axis=0)
    widths = [
        np.diff(concordance_interval(*one, 2000, np.arange(120)), axis=1)[:, 0] for one in drawn[:4]
    ]
    assert np.mean(widths, axis=0) == pytest.approx(2 * 1.96 * spread, rel=0.2)


def test_a_persons_scans_are_no_new_people():
    rows = people(np.random.default_rng(5), 50, 1500)[:3]
    many = [np.repeat(one, 6) for one in rows]
    once = concordance_interval(*rows, 2000, np.arange(50))[0]
    by_patient = concordance_interval(*many, 2000, np.repeat(np.arange(50), 6))[0]
    by_row = concordance_interval(*many, 2000, np.arange(300))[0]
    assert np.ptp(by_patient) == pytest.approx(np.ptp(once), rel=0.15)
    assert np.ptp(by_row) < 0.6 * np.ptp(by_patient)


def test_patients_may_be_named_by_strings_and_a_seed_repeats_itself():
    rows = people(np.random.default_rng(6), 30, 1500)[:3]
    names = np.array([f"person-{i:02d}" for i in range(30)])
    found = concordance_interval(*rows, 2000, names, seed=1)
    assert found == concordance_interval(*rows, 2000, np.arange(30), seed=1)
    assert found != concordance_interval(*rows, 2000, names, seed=2)


@pytest.mark.parametrize("scores", [np.zeros(6), np.arange(6), -np.arange(6)])
def test_an_index_that_no_resample_moves_has_no_interval(scores):
    event = np.array([True, True, True, False, False, True])
    found = concordance_interval(scores, np.arange(6), event, 10, np.arange(6))
    assert np.isnan(found).all()


rows = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30
)


def risk(time_days, event, *days) -> np.ndarray:
    once = np.ones((1, len(time_days)))
    return observed_risk(
        follow_up(np.array(time_days), np.array(event)), once, days=np.array(days)
    )[0]


def test_by_hand_follow_up():
    # 4 at risk, 1 event; 1 lost on day 200; 2 at risk, 1 event on day 365; the last lost on 400
    found = risk([365, 100, 400, 200], [True, True, False, False], 100, 101, 365, 366, 401, 402)
    assert found[:5] == pytest.approx([0, 1 / 4, 1 / 4, 1 - 3 / 4 * 1 / 2, 5 / 8])
    # nobody is known on day 401
    assert np.isnan(found[5])


def test_who_is_lost_on_a_day_is_free_on_it():
    assert risk([7, 7], [True, False], 8).tolist() == [0.5]


def test_where_all_had_the_event_none_is_left_to_follow():
    assert risk([3, 5], [True, True], 365).tolist() == [1]


def test_without_loss_it_is_the_share_of_events():
    generator = np.random.default_rng(0)
    days = generator.integers(0, 1000, 200)
    found = risk(days, np.ones(200, bool), 100, 365, 730)
    assert found == pytest.approx([(days < day).mean() for day in (100, 365, 730)])


def by_counting(time_days, event, day) -> float:
    """The textbook's product, a day at a time."""
    left = 1.0
    for now in range(day):
        at_risk = (time_days >= now).sum()
        if at_risk:
            left *= 1 - ((time_days == now) & event).sum() / at_risk
    return 1 - left if left == 0 or (time_days >= day - 1).any() else np.nan


@settings(deadline=None)
@given(rows, st.integers(1, 14))
def test_weights_are_as_many_rows(case, day):
    time_days, event, weights = (np.array(column) for column in zip(*case, strict=True))
    found = observed_risk(
        follow_up(time_days, event), weights[None].astype(float), days=np.array([day])
    )
    many = np.repeat(time_days, weights), np.repeat(event, weights)
    if weights.sum():
        assert found[0, 0] == pytest.approx(by_counting(*many, day), nan_ok=True)
    else:
        assert np.isnan(found)


@pytest.mark.usefixtures("few_resamples")
def test_by_hand_yearly_auc(targets):
    # events in years 1 and 3; one free for all six, one lost in year 2, one with an event later
    time = np.array([100, 800, 2190, 500, 3000])
    event = np.array([True, True, False, False, True])
    mask, happened = targets(time, event)
    happened[4], mask[4] = 0, 1
    risks = np.repeat(np.array([0.5, 0.4, 0.3, 0.45, 0.5])[:, None], 6, axis=1)
    found = yearly_auc(risks, mask, happened=happened, patients=np.arange(5))
    counts = [(one["n_positive"], one["n"]) for one in found.values()]
    assert list(found) == ["1", "2", "3", "4", "5", "6"]
    # the one lost in year 2 is free in years 1 and 2 by Sybil's rule, and then left out; the event
    # of year 1 is a positive of year 3 though its mask has ended
    assert counts == [(1, 5), (1, 5), (2, 4), (2, 4), (2, 4), (2, 4)]
    # year 1: .5 against .4, .3, .45 and the tie; year 3: .5, .4 against .3, .5
    assert found["1"]["value"] == 3.5 / 4
    assert found["3"]["value"] == (1 + 0.5 + 1 + 0) / 4


@pytest.mark.usefixtures("few_resamples")
def test_each_year_has_its_own_risk_and_the_houses_interval(targets):
    generator = np.random.default_rng(0)
    time, event = generator.integers(0, 2400, 60), generator.random(60) < 0.5
    mask, happened = targets(time, event)
    risks, patients = generator.random((60, 6)), np.arange(60) // 2
    found = yearly_auc(risks, mask, happened=happened, patients=patients, seed=3)
    for year in range(6):
        # by times, not masks: an event before the year's end, or followed into the year
        positive = event & (time < 365 * (year + 1))
        rows = positive | (time >= 365 * year)
        one = positive[rows].astype(int), risks[rows, year]
        assert found[str(year + 1)]["value"] == auc(*one)
        assert tuple(found[str(year + 1)]["ci95"]) == auc_interval(*one, patients[rows], 3)


@pytest.mark.usefixtures("few_resamples")
def test_a_year_of_one_class_has_no_auc(targets):
    mask, happened = targets(np.array([400, 2190, 2190]), np.array([True, False, False]))
    found = yearly_auc(
        np.random.default_rng(0).random((3, 6)), mask, happened=happened, patients=np.arange(3)
    )
    assert found["1"] == {"value": None, "ci95": [None, None], "n": 3, "n_positive": 0}
    assert found["2"]["value"] is not None


@pytest.mark.usefixtures("few_resamples")
def test_a_baseline_stands_beside_the_net_on_the_same_rows(targets):
    generator = np.random.default_rng(1)
    time, event = generator.integers(0, 2400, 40), generator.random(40) < 0.5
    mask, happened = targets(time, event)
    risks, diameter = generator.random((40, 6)), generator.random(40)
    diameter[::4] = np.nan
    baselines = {"diameter": diameter, "unknown": np.full(40, np.nan)}
    found = yearly_baselines(
        risks, mask, happened=happened, patients=np.arange(40), baselines=baselines, seed=2
    )
    assert list(found) == ["diameter"]
    told = ~np.isnan(diameter) & ((event & (time < 1095)) | (time >= 730))
    labels = happened[told, 2].astype(int)
    paired = paired_difference(labels, risks[told, 2], diameter[told], np.arange(40)[told], 2)
    one = found["diameter"]["3"]
    assert (one["n"], one["n_positive"]) == (told.sum(), labels.sum())
    assert (one["auc"], one["baseline_auc"]) == (paired.auc, paired.other_auc)
    assert one["difference_ci95"] == [paired.low, paired.high]


def test_by_hand_yearly_calibration():
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


def test_a_persons_scans_are_no_new_people_yearly_calibration():
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
