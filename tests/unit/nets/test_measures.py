"""Measures of soft outlines, against balls and boxes worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lungcam.nets.measures import MEASURES, measure

SIDE = 24


def measured(within: np.ndarray, hu: np.ndarray) -> dict[str, float]:
    given = (torch.from_numpy(np.asarray(one, np.float64))[None, None] for one in (within, hu))
    (found,) = measure(*given)
    return dict(zip(MEASURES, found.tolist(), strict=True))


def box(*sides: int) -> np.ndarray:
    within = np.zeros((SIDE, SIDE, SIDE))
    within[tuple(slice(3, 3 + side) for side in sides)] = 1
    return within


def ball(radius: float) -> np.ndarray:
    axes = np.indices((SIDE, SIDE, SIDE)) - (SIDE - 1) / 2
    return (np.sqrt((axes**2).sum(0)) <= radius).astype(float)


def test_a_box_of_one_density_by_hand():
    found = measured(box(4, 6, 10), np.full((SIDE,) * 3, 60.0))
    # 240 voxels, one more so that nothing is measurable too
    size = (math.log(241) - 5.5) / 1.3
    mean = 0.2 * 240 / 241
    # faces of 4 x 6, 6 x 10 and 4 x 10 voxels, two of each
    surface = 2 * (24 + 60 + 40)
    expected = {
        "volume": size,
        "volume_squared": size**2,
        "density": mean,
        "spread": 0.1,
        "skewness": 0,
        "densest": 0.2,
        "thinnest": 0.2,
        "surface": math.log(surface + 1) - 5,
        "volume_by_density": size * mean,
    }
    assert found == pytest.approx(expected, abs=1e-4)


def test_what_is_outside_is_not_measured():
    within = ball(6)
    hu = np.where(within > 0, 40.0, -900.0)
    assert measured(within, hu) == pytest.approx(measured(within, np.full_like(hu, 40.0)))


def test_the_volume_of_a_ball():
    found = measured(ball(9), np.zeros((SIDE,) * 3))
    voxels = math.exp(found["volume"] * 1.3 + 5.5)
    assert voxels == pytest.approx(4 / 3 * math.pi * 9**3, rel=0.02)
    # the stairs of a voxel ball have half as much again as the sphere
    faces = math.exp(found["surface"] + 5)
    assert faces == pytest.approx(1.5 * 4 * math.pi * 9**2, rel=0.05)


def test_calcium_in_one_corner_leans_and_skews():
    within, hu = box(10, 10, 10), np.zeros((SIDE,) * 3)
    hu[3:13, 3:13, 3] = 600
    found = measured(within, hu)
    # a tenth of the voxels at twice the unit
    mean = 0.2 * 1000 / 1001
    spread = math.sqrt(0.1 * 4 - 0.04 + 0.01)
    third = 0.1 * 1.8**3 - 0.9 * 0.2**3
    assert found["density"] == pytest.approx(mean)
    assert found["spread"] == pytest.approx(spread, rel=2e-3)
    assert found["skewness"] == pytest.approx(0.3 * third / spread**3, rel=5e-3)
    # weights e^6 to 9, and e^-4 to 9
    assert found["densest"] == pytest.approx(2 * math.exp(6) / (math.exp(6) + 9), rel=1e-4)
    assert found["thinnest"] == pytest.approx(2 * math.exp(-4) / (math.exp(-4) + 9), rel=1e-4)


@given(
    st.integers(0, 2**32 - 1),
    st.permutations(range(3)),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_turning_and_mirroring_change_no_measure(seed, order, backwards):
    dice = np.random.default_rng(seed)
    within, hu = dice.random((5, 6, 7)), dice.uniform(-1000, 1000, (5, 6, 7))
    flips = tuple(slice(None, None, -1 if back else 1) for back in backwards)
    moved = [one.transpose(order)[flips].copy() for one in (within, hu)]
    assert measured(*moved) == pytest.approx(measured(within, hu), rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("hu", [-3000.0, 0.0, 30000.0])
def test_extremes_stay_numbers_with_a_gradient(share, hu):
    within = torch.full((1, 1, 4, 4, 4), share, requires_grad=True)
    found = measure(within, torch.full((1, 1, 4, 4, 4), hu))
    found.sum().backward()
    assert found.isfinite().all()
    assert within.grad.isfinite().all()
