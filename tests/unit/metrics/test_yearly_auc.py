"""The AUC of each year, by hand and against pairs of those whose status is known."""

import numpy as np
import pytest

from lungcam.metrics import auc, auc_interval, paired_difference, yearly_auc, yearly_baselines

pytestmark = pytest.mark.usefixtures("few_resamples")


def test_by_hand(targets):
    # events in years 1 and 3; one free for all six, one lost in year 2, one with an event later
    time = np.array([100, 800, 2190, 500, 3000])
    event = np.array([True, True, False, False, True])
    mask, happened = targets(time, event)
    happened[4], mask[4] = 0, 1
    risks = np.repeat(np.array([0.5, 0.4, 0.3, 0.45, 0.5])[:, None], 6, axis=1)
    found = yearly_auc(risks, mask, happened, np.arange(5))
    counts = [(one["n_positive"], one["n"]) for one in found.values()]
    assert list(found) == ["1", "2", "3", "4", "5", "6"]
    # the one lost in year 2 is free in years 1 and 2 by Sybil's rule, and then left out; the event
    # of year 1 is a positive of year 3 though its mask has ended
    assert counts == [(1, 5), (1, 5), (2, 4), (2, 4), (2, 4), (2, 4)]
    # year 1: .5 against .4, .3, .45 and the tie; year 3: .5, .4 against .3, .5
    assert found["1"]["value"] == 3.5 / 4
    assert found["3"]["value"] == (1 + 0.5 + 1 + 0) / 4


def test_each_year_has_its_own_risk_and_the_houses_interval(targets):
    generator = np.random.default_rng(0)
    time, event = generator.integers(0, 2400, 60), generator.random(60) < 0.5
    mask, happened = targets(time, event)
    risks, patients = generator.random((60, 6)), np.arange(60) // 2
    found = yearly_auc(risks, mask, happened, patients, seed=3)
    for year in range(6):
        # by times, not masks: an event before the year's end, or followed into the year
        positive = event & (time < 365 * (year + 1))
        rows = positive | (time >= 365 * year)
        one = positive[rows].astype(int), risks[rows, year]
        assert found[str(year + 1)]["value"] == auc(*one)
        assert tuple(found[str(year + 1)]["ci95"]) == auc_interval(*one, patients[rows], 3)


def test_a_year_of_one_class_has_no_auc(targets):
    mask, happened = targets(np.array([400, 2190, 2190]), np.array([True, False, False]))
    found = yearly_auc(np.random.default_rng(0).random((3, 6)), mask, happened, np.arange(3))
    assert found["1"] == {"value": None, "ci95": [None, None], "n": 3, "n_positive": 0}
    assert found["2"]["value"] is not None


def test_a_baseline_stands_beside_the_net_on_the_same_rows(targets):
    generator = np.random.default_rng(1)
    time, event = generator.integers(0, 2400, 40), generator.random(40) < 0.5
    mask, happened = targets(time, event)
    risks, diameter = generator.random((40, 6)), generator.random(40)
    diameter[::4] = np.nan
    baselines = {"diameter": diameter, "unknown": np.full(40, np.nan)}
    found = yearly_baselines(risks, mask, happened, np.arange(40), baselines, seed=2)
    assert list(found) == ["diameter"]
    told = ~np.isnan(diameter) & ((event & (time < 1095)) | (time >= 730))
    labels = happened[told, 2].astype(int)
    paired = paired_difference(labels, risks[told, 2], diameter[told], np.arange(40)[told], 2)
    one = found["diameter"]["3"]
    assert (one["n"], one["n_positive"]) == (told.sum(), labels.sum())
    assert (one["auc"], one["baseline_auc"]) == (paired.auc, paired.other_auc)
    assert one["difference_ci95"] == [paired.low, paired.high]
