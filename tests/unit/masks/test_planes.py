"""Distance of planes, some of them missing, from candidates in the order of trust."""

import numpy as np
import pytest

from lungcam.masks.planes import distinct, plane_step


def test_equal_heights_are_one_plane():
    heights = distinct(np.array([3.0, 0.0, 3.001, 6.0, 2.999, 0.0]))
    assert np.allclose(heights, [0, 3, 6], atol=0.01)


@pytest.mark.parametrize(
    ("heights", "candidates", "expected"),
    [
        ([0, 3, 6], [None, 3.0], 3.0),
        # gaps, and the candidate that is no distance of theirs is passed over
        ([0, 6, 9, 21], [2.5, 3.0], 3.0),
        # a finer one is taken if it is trusted more
        ([0, 6, 12], [3.0, 6.0], 3.0),
        # positions rounded to 0.1 mm
        ([0, 0.6, 1.3, 1.9, 2.5], [0.625], 0.625),
        # one plane: the first candidate
        ([7.0], [None, 0.0, 2.5], 2.5),
        ([0, 3, 7], [3.0], None),
        ([0, 3, 6], [], None),
        # two planes may not be one
        ([0, 3, 6], [6.0], None),
    ],
)
def test_the_first_candidate_that_all_gaps_hold_is_the_step(heights, candidates, expected):
    step = plane_step(np.array(heights, float), candidates)
    assert step == (expected if expected is None else pytest.approx(expected, abs=0.01))


def test_many_rounded_planes_have_an_exact_mean():
    heights = np.round(np.arange(400) * 0.703125, 2)
    assert plane_step(heights, [0.7]) == pytest.approx(0.703125, abs=1e-4)
