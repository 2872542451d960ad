"""Kaplan-Meier by hand, as a plain share, and by counting one day after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.metrics import follow_up, observed_risk

rows = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30
)


def risk(time_days, event, *days) -> np.ndarray:
    once = np.ones((1, len(time_days)))
    return observed_risk(follow_up(np.array(time_days), np.array(event)), once, np.array(days))[0]


def test_by_hand():
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
    found = observed_risk(follow_up(time_days, event), weights[None].astype(float), np.array([day]))
    many = np.repeat(time_days, weights), np.repeat(event, weights)
    if weights.sum():
        assert found[0, 0] == pytest.approx(by_counting(*many, day), nan_ok=True)
    else:
        assert np.isnan(found)
