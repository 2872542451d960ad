import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_otsu

from lungcam.render import lungs_histogram, otsu_ramp, to_display
from lungcam.render.histogram import MIDWAY


def test_only_the_lungs_count():
    hu = np.full((6, 5, 4), 40, np.int16)
    hu[1:4] = -850
    lungs = hu == -850
    counts = lungs_histogram(hu, lungs)
    assert counts.shape == (256,)
    assert counts.sum() == lungs.sum()
    assert counts[to_display(np.array([-850]))] == lungs.sum()


@given(st.integers(0, 2**32 - 1), st.integers(5, 80), st.integers(120, 200))
def test_the_ramp_leaves_0_at_the_threshold_of_the_values_themselves(seed, first, second):
    draw = np.random.default_rng(seed)
    values = np.concatenate([draw.normal(first, 8, 900), draw.normal(second, 9, 200)])
    values = np.rint(values.clip(0, 255)).astype(np.uint8)
    ramp = otsu_ramp(np.bincount(values, minlength=256))
    assert ramp.low == threshold_otsu(values)
    assert first < ramp.low < second
    assert ramp.low + 20 <= ramp.high <= 255
    assert ramp.high >= 120


def test_a_threshold_worked_by_hand():
    # between two values the threshold is the lower one, whatever their counts
    counts = np.zeros(256, int)
    counts[40], counts[160] = 1000, 7
    assert otsu_ramp(counts).low == 40


@pytest.mark.parametrize("values", [(), (57,)])
def test_without_two_values_the_threshold_is_midway(values):
    counts = np.zeros(256, int)
    counts[list(values)] = 9
    assert otsu_ramp(counts).low == MIDWAY
