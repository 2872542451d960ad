import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungcam.render import to_display


def test_default_window_on_values_worked_by_hand():
    hu = np.array([-2048, -1200, -1193, -850, -300, 0, 600, 3071], dtype=np.int16)
    # 255 steps over 1800 HU: -1193 is 0.99, -850 is 49.58, -300 is 127.5 (even), 0 is 170
    assert to_display(hu).tolist() == [0, 0, 1, 50, 128, 170, 255, 255]


def test_own_window_keeps_shape_and_is_uint8():
    shown = to_display(np.array([[-100, 0], [50, 200]]), low=-100, high=100)
    assert shown.dtype == np.uint8
    assert shown.tolist() == [[0, 128], [191, 255]]


@given(st.lists(st.integers(-3000, 4000), min_size=2, max_size=20))
def test_denser_is_never_darker(hu):
    assert (np.diff(to_display(np.sort(hu)).astype(int)) >= 0).all()


def test_window_that_does_not_rise_is_refused():
    with pytest.raises(ValueError, match="must rise"):
        to_display(np.zeros(3), low=100, high=100)
