"""A window of HU by hand, and its background."""

import numpy as np
import pytest
import torchio as tio

from lungcam.transforms import HUWindow, LungView, background


def shown(values, **window):
    data = np.asarray(values, np.float32).reshape(1, -1, 1, 1)
    subject = tio.Subject(input=tio.ScalarImage(tensor=data, affine=np.diag([2.0, 2, 2, 1])))
    return HUWindow(**window)(subject)["input"]


def test_a_window_by_hand_and_its_ends():
    image = shown([-1024, -1000, -925, -850, -700, 40], low=-1000, high=-700)
    assert image.data.flatten().tolist() == pytest.approx([-1, -1, -0.5, 0, 1, 1])
    assert image.data.dtype.is_floating_point
    assert np.array_equal(image.affine, np.diag([2.0, 2, 2, 1]))


def test_the_background_of_a_window_is_aerated_lung():
    steps = tio.Compose({"view": LungView(), "normalise": HUWindow(-1000, -700)})
    assert background(steps) == 0
    assert background(tio.Compose({"normalise": HUWindow(-1000, -400)})) == -0.5


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, -1), ("a", 1), (0, float("inf"))])
def test_an_impossible_window_is_refused(low, high):
    with pytest.raises(ValueError, match="give two HU, the lower one first"):
        HUWindow(low, high)
