"""The curves that are drawn have the areas that are told."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from lungcam.metrics import auc, average_precision
from lungcam.metrics.curves import (
    STEPS,
    precision_recall_curve,
    roc_band,
    roc_curve,
    wilson_interval,
)

cases = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=40)


@settings(deadline=None)
@given(cases)
def test_areas_under_the_curves(case):
    labels, scores = np.array(case).T
    assume(0 < labels.sum() < len(labels))
    false, true = roc_curve(labels, scores)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(auc(labels, scores))
    recall, precision = precision_recall_curve(labels, scores)
    steps = (np.diff(np.r_[0, recall]) * precision).sum()
    assert steps == pytest.approx(average_precision(labels, scores))


def test_the_band_holds_the_curve():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    scores = generator.normal(size=80) + labels
    low, high = roc_band(labels, scores, np.arange(80))
    true = np.interp(STEPS, *roc_curve(labels, scores))
    assert (low <= true + 0.03).all()
    assert (true <= high + 0.03).all()
    assert (high - low).max() > 0.1


def test_wilson_is_scipys():
    hits, among = np.array([0, 3, 9, 10]), np.array([4, 10, 10, 10])
    low, high = wilson_interval(hits, among)
    for i, (k, n) in enumerate(zip(hits, among, strict=True)):
        theirs = binomtest(int(k), int(n)).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((theirs.low, theirs.high), abs=1e-6)
