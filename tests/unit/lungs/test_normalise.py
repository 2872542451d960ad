import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.lungs import zero_centre


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(-900, 100), st.floats(1, 400))
def test_lungs_have_mean_0_and_deviation_1(seed, mean, deviation):
    rng = np.random.default_rng(seed)
    volume = rng.normal(mean, deviation, (8, 9, 10)).astype(np.float32)
    lungs = rng.random(volume.shape) < 0.4
    out = zero_centre(volume, lungs)
    assert out.dtype == np.float32
    assert out.shape == volume.shape
    assert abs(out[lungs].mean(dtype=float)) < 1e-4
    assert out[lungs].std(dtype=float) == pytest.approx(1, abs=1e-4)


def test_voxels_outside_are_on_the_same_scale():
    volume = np.array([0, 10, 20, 100], np.float32).reshape(4, 1, 1)
    lungs = np.array([True, False, True, False]).reshape(4, 1, 1)
    assert zero_centre(volume, lungs).ravel().tolist() == [-1, 0, 1, 9]


def test_empty_lungs_are_refused():
    with pytest.raises(ValueError, match="empty"):
        zero_centre(np.zeros((3, 3, 3)), np.zeros((3, 3, 3), bool))


@pytest.mark.parametrize("value", [-850, 0, 600])
def test_lungs_of_one_value_are_refused(value):
    lungs = np.zeros((3, 3, 3), bool)
    lungs[1] = True
    volume = np.random.default_rng(0).normal(size=lungs.shape)
    volume[lungs] = value
    with pytest.raises(ValueError, match="one value"):
        zero_centre(volume, lungs)
