"""The C-index against all pairs, by hand, and against what it would be without censoring."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lungcam.metrics import concordance, concordance_interval, follow_up
from lungcam.metrics.concordance import weighted_concordance

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
    of = weighted_concordance(scores, follow_up(time, event), HORIZON)
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
    of = weighted_concordance(scores, follow_up(time, event), HORIZON)
    drawn = np.stack([np.ones(len(time)), weights])
    whole = of(drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("lungcam.metrics.concordance"), "HELD", 1)
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
