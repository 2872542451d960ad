"""Kaplan-Meier and the C-index, against hand-worked cases, plain counting and all pairs."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lungcam.metrics import concordance, concordance_interval, follow_up, observed_risk
from lungcam.metrics.survival import weighted_concordance

HORIZON = 10
CASES = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 4), st.integers(0, 2)),
    min_size=1,
    max_size=25,
)
ROWS = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30
)


def columns(case):
    return (np.array(column) for column in zip(*case, strict=True))


def c_indices(scores, time, event, horizon=HORIZON):
    return concordance(scores, time_days=time, event=event, horizon_days=horizon)


def c_intervals(scores, time, event, patients, *, horizon=2000, seed=0):
    return concordance_interval(
        scores, time_days=time, event=event, horizon_days=horizon, patients=patients, seed=seed
    )


def all_pairs(scores, time, event, horizon):
    """Compute both indices by their definition, a pair at a time."""
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


def test_c_indices_by_hand():
    # A has the event on day 1, B is lost on 2, C has it on 3, D is lost on 4
    scores, time = np.array([0.9, 0.1, 0.2, 0.5]), np.array([1, 2, 3, 4])
    event = np.array([True, False, True, False])
    # A before B, C, D is right; C before D is wrong, and counts as (3/2)^2 pairs since a third
    # of those who might have been seen on day 3 was lost on day 2
    assert c_indices(scores, time, event, 100) == pytest.approx((3 / (3 + 9 / 4), 3 / 4))
    # before day 3 there is A alone
    assert c_indices(scores, time, event, 3) == (1, 1)
    # equal risks count half
    assert c_indices(np.zeros(4), time, event, 100) == (0.5, 0.5)


def test_a_person_lost_on_the_day_of_an_event_is_later():
    both = c_indices(np.array([1, 0]), np.array([5, 5]), np.array([True, False]))
    assert both == (1, 1)
    # two events of one day have no order
    none = c_indices(np.array([1, 0]), np.array([5, 5]), np.array([True, True]))
    assert np.isnan(none).all()


@settings(deadline=None)
@given(CASES)
def test_c_indices_are_those_of_all_pairs_and_weights_count_as_rows(case):
    time, event, scores, weights = columns(case)
    expected = all_pairs(scores, time, event, HORIZON)
    assert c_indices(scores, time, event) == pytest.approx(expected, nan_ok=True, abs=1e-9)
    statistic = weighted_concordance(scores, follow_up(time, event), horizon_days=HORIZON)
    repeated = [np.repeat(values, weights) for values in (scores, time, event)]
    weighted = statistic(weights[None].astype(float))[0]
    assert weighted == pytest.approx(all_pairs(*repeated, HORIZON), nan_ok=True, abs=1e-9)


@settings(deadline=None)
@given(CASES, st.randoms(use_true_random=False))
def test_c_indices_depend_on_the_order_alone(case, random):
    time, event, scores, _ = columns(case)
    both = c_indices(scores, time, event)
    assume(not np.isnan(both[0]))
    assert c_indices(np.exp(scores) - 9, time, event) == both
    assert c_indices(-scores, time, event) == pytest.approx((1 - both[0], 1 - both[1]))
    perfect = -2 * time + event
    assert c_indices(perfect, time, event) == pytest.approx((1, 1))
    assert c_indices(np.full(len(time), 0.3), time, event) == pytest.approx((0.5, 0.5))
    order = list(range(len(time)))
    random.shuffle(order)
    shuffled = c_indices(scores[order], time[order], event[order])
    assert shuffled == pytest.approx(both)


@settings(deadline=None, max_examples=20)
@given(CASES)
def test_events_in_blocks_are_all_counted(case):
    time, event, scores, weights = columns(case)
    statistic = weighted_concordance(scores, follow_up(time, event), horizon_days=HORIZON)
    resamples = np.stack([np.ones(len(time)), weights])
    at_once = statistic(resamples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lungcam.metrics.survival.MAX_WEIGHTS", 1)
        assert statistic(resamples) == pytest.approx(at_once, nan_ok=True)


def people(generator, n: int, lost_days: float):
    """Draw scores, times and events before a horizon of 2000 days; and the times without loss.

    Late events obey the score less than early ones, so that it matters who is seen.
    """
    score = generator.normal(size=n)
    early = generator.exponential(4000 * np.exp(-1.5 * score))
    due = np.where(early < 700, early, 700 + generator.exponential(1500, n))
    lost = np.minimum(generator.exponential(lost_days, n), 3000)
    return score, np.minimum(due, lost), due <= lost, due


def test_unos_index_does_not_depend_on_the_length_of_follow_up():
    score, time, event, due = people(np.random.default_rng(3), 8000, 700)
    uno, harrell = c_indices(score, time, event, 2000)
    truth, _ = c_indices(score, due, np.ones(8000, bool), 2000)
    assert uno == pytest.approx(truth, abs=0.015)
    assert harrell > truth + 0.05


def test_the_interval_is_as_wide_as_the_spread_over_other_people():
    generator = np.random.default_rng(4)
    groups = [people(generator, 120, 1500)[:3] for _ in range(150)]
    spread = np.std([c_indices(*group, 2000) for group in groups], axis=0)
    widths = [np.diff(c_intervals(*group, np.arange(120)), axis=1)[:, 0] for group in groups[:4]]
    assert np.mean(widths, axis=0) == pytest.approx(2 * 1.96 * spread, rel=0.2)


def test_scans_of_a_person_are_resampled_together():
    rows = people(np.random.default_rng(5), 50, 1500)[:3]
    copies = [np.repeat(values, 6) for values in rows]
    once = c_intervals(*rows, np.arange(50))[0]
    by_patient = c_intervals(*copies, np.repeat(np.arange(50), 6))[0]
    by_row = c_intervals(*copies, np.arange(300))[0]
    assert np.ptp(by_patient) == pytest.approx(np.ptp(once), rel=0.15)
    assert np.ptp(by_row) < 0.6 * np.ptp(by_patient)


def test_patients_may_be_named_by_strings_and_a_seed_repeats_itself():
    rows = people(np.random.default_rng(6), 30, 1500)[:3]
    names = np.array([f"person-{i:02d}" for i in range(30)])
    first = c_intervals(*rows, names, seed=1)
    assert first == c_intervals(*rows, np.arange(30), seed=1)
    assert first != c_intervals(*rows, names, seed=2)


@pytest.mark.parametrize("scores", [np.zeros(6), np.arange(6), -np.arange(6)])
def test_an_index_that_no_resample_moves_has_no_interval(scores):
    event = np.array([True, True, True, False, False, True])
    bounds = c_intervals(scores, np.arange(6), event, np.arange(6), horizon=HORIZON)
    assert np.isnan(bounds).all()


def risk(time_days, event, *days) -> np.ndarray:
    rows, once = follow_up(np.array(time_days), np.array(event)), np.ones((1, len(time_days)))
    return observed_risk(rows, once, days=np.array(days))[0]


def test_observed_risk_by_hand():
    # 4 at risk, 1 event; 1 lost on day 200; 2 at risk, 1 event on day 365; the last lost on 400
    risks = risk([365, 100, 400, 200], [True, True, False, False], 100, 101, 365, 366, 401, 402)
    assert risks[:5] == pytest.approx([0, 1 / 4, 1 / 4, 1 - 3 / 4 * 1 / 2, 5 / 8])
    # nobody is known on day 401
    assert np.isnan(risks[5])


def test_a_person_lost_on_a_day_is_free_on_it():
    assert risk([7, 7], [True, False], 8).tolist() == [0.5]


def test_where_all_had_the_event_none_is_left_to_follow():
    assert risk([3, 5], [True, True], 365).tolist() == [1]


def test_without_loss_the_risk_is_the_share_of_events():
    generator = np.random.default_rng(0)
    days = generator.integers(0, 1000, 200)
    risks = risk(days, np.ones(200, bool), 100, 365, 730)
    assert risks == pytest.approx([(days < day).mean() for day in (100, 365, 730)])


def by_counting(time_days, event, day) -> float:
    """Compute the textbook's product, a day at a time."""
    left = 1.0
    for now in range(day):
        at_risk = (time_days >= now).sum()
        if at_risk:
            left *= 1 - ((time_days == now) & event).sum() / at_risk
    return 1 - left if left == 0 or (time_days >= day - 1).any() else np.nan


@settings(deadline=None)
@given(ROWS, st.integers(1, 14))
def test_weights_of_observed_risk_count_as_rows(case, day):
    time_days, event, weights = columns(case)
    rows = follow_up(time_days, event)
    weighted = observed_risk(rows, weights[None].astype(float), days=np.array([day]))
    repeated = np.repeat(time_days, weights), np.repeat(event, weights)
    if weights.sum():
        assert weighted[0, 0] == pytest.approx(by_counting(*repeated, day), nan_ok=True)
    else:
        assert np.isnan(weighted)
