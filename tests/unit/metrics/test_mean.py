import numpy as np
import pytest
from scipy.stats import bootstrap

from lungcam.metrics.mean import bootstrap_mean, share_difference_interval, share_interval


def test_interval_of_a_mean_is_the_percentile_bootstraps():
    values = np.random.default_rng(0).gamma(2, size=40)
    mean, low, high = bootstrap_mean(values, np.arange(40))
    generator = np.random.default_rng(1)
    told = bootstrap((values,), np.mean, method="percentile", rng=generator).confidence_interval
    assert mean == values.mean()
    assert (low, high) == pytest.approx((told.low, told.high), abs=0.04)


def test_whole_patients_are_drawn():
    values = np.repeat([0.0, 1.0, 2.0, 3.0], 10)
    _, low, high = bootstrap_mean(values, np.repeat(np.arange(4), 10))
    _, alone_low, alone_high = bootstrap_mean(values, np.arange(40))
    assert high - low > 2 * (alone_high - alone_low)


@pytest.mark.parametrize("values", [[2.0], [0.1, 0.1, 0.1]])
def test_a_mean_that_no_resample_moves_has_no_interval(values):
    mean, low, high = bootstrap_mean(np.array(values), np.arange(len(values)))
    assert mean == pytest.approx(values[0])
    assert np.isnan([low, high]).all()


def test_wilsons_interval_by_hand():
    # (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) for 9 of 10
    z2 = 1.959964**2
    middle, half = 0.9 + z2 / 20, np.sqrt(z2) * np.sqrt(0.009 + z2 / 400)
    expected = (middle - half) / (1 + z2 / 10), (middle + half) / (1 + z2 / 10)
    assert share_interval(0.9, 10) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"), [(9, 3, 0.1705, 0.8090), (10, 0, 0.6075, 1.0)]
)
def test_difference_of_shares_is_newcombes(first, second, low, high):
    # table II of the paper
    found = share_difference_interval(first / 10, second / 10, 10)
    assert found == pytest.approx((low, high), abs=1e-4)
