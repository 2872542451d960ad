"""What shows nothing, on the scale of each view."""

import pytest

from lungcam.transforms import LungView, NoduleView, background, pipeline


@pytest.mark.parametrize(
    ("window", "expected"), [((-1000, 400), -11 / 14), ((-1000, 1000), -0.85), ((-600, 400), -1)]
)
def test_around_a_nodule_it_is_lung_tissue(window, expected):
    steps = {"view": NoduleView((8, 8, 8), 1.0, window)}
    assert background(pipeline(steps)) == pytest.approx(expected)


def test_where_both_lungs_are_shown_it_is_their_mean():
    assert background(pipeline({"view": LungView((8, 8, 8), 5.0)})) == 0
