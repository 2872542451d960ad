"""Times to targets, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungcam.cohorts.survival import risk_targets


@pytest.mark.parametrize(
    ("to_cancer", "followed", "y", "y_seq", "mask"),
    [
        # cancer within the horizon: known from its year on, and not looked at after it
        (0, 2000, 1, [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]),
        (364, None, 1, [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]),
        (365, 400, 1, [0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]),
        (800, -5, 1, [0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]),
        (2189, 2189, 1, [0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]),
        # cancer after it: free through all years, whatever follow-up says
        (2190, 2190, 0, [0] * 6, [1] * 6),
        (4000, None, 0, [0] * 6, [1] * 6),
        (4000, 10, 0, [0] * 6, [1] * 6),
        # no cancer: free up to the year of censoring
        (None, 0, 0, [0] * 6, [1, 0, 0, 0, 0, 0]),
        (None, 364, 0, [0] * 6, [1, 0, 0, 0, 0, 0]),
        (None, 365, 0, [0] * 6, [1, 1, 0, 0, 0, 0]),
        (None, 1824, 0, [0] * 6, [1, 1, 1, 1, 1, 0]),
        (None, 1825, 0, [0] * 6, [1] * 6),
        (None, 9999, 0, [0] * 6, [1] * 6),
    ],
)
def test_every_branch(to_cancer, followed, y, y_seq, mask):
    found = risk_targets(to_cancer, followed)
    assert found[0] == y
    assert found[1].dtype == found[2].dtype == np.float64
    assert found[1].tolist() == y_seq
    assert found[2].tolist() == mask


@pytest.mark.parametrize("times", [(-1, 100), (-400, None), (None, -1), (None, None)])
def test_what_lies_before_the_scan_or_is_unknown_is_dropped(times):
    assert risk_targets(*times) is None


def test_another_horizon():
    y, y_seq, mask = risk_targets(500, None, years=2)
    assert (y, y_seq.tolist(), mask.tolist()) == (1, [0, 1], [1, 1])
    assert risk_targets(730, None, years=2)[0] == 0


@given(st.integers(0, 6000) | st.none(), st.integers(0, 6000) | st.none(), st.integers(1, 8))
def test_the_mask_shows_no_year_that_is_not_known(to_cancer, followed, years):
    found = risk_targets(to_cancer, followed, years)
    if to_cancer is None and followed is None:
        assert found is None
        return
    y, y_seq, mask = found
    last = max(day for day in (to_cancer, followed) if day is not None)
    for year in range(years):
        if mask[year]:
            assert year * 365 <= last
            assert y_seq[year] == (to_cancer is not None and to_cancer < (year + 1) * 365)
    assert y == y_seq[-1]
