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
    found = measured(box(4, 6, 10), np.full((SIDE,) * 3, 150.0))
    # 240 voxels, one more so that nothing is measurable too
    size = (math.log(241) - 5.5) / 1.3
    mean = 0.5 * 240 / 241
    # 150 HU lie 50 below the next threshold: what counts there is soft
    below = 240 / (1 + math.exp(50 / 30))
    above = [240 / (1 + math.exp(-(150 - t) / 30)) for t in (-600, -300, 0, 100)]
    volumes = [*above, below, 240 / (1 + math.exp(5)), 240 / (1 + math.exp(350 / 30))]
    expected = {
        "volume": size,
        "density": mean,
        "spread": math.sqrt((240 * (0.5 - mean) ** 2) / 241 + 0.01),
        "volume_by_density": size * mean,
        # the third axis runs from foot to head
        "area": math.log(4 * 6 + 1) - 4,
    } | {
        f"above_{t}": (math.log(voxels + 1) - middle) / 1.5
        for t, voxels, middle in zip(
            (-600, -300, 0, 100, 200, 300, 500),
            volumes,
            (5.0, 4.5, 4.0, 2.5, 1.0, 0.7, 0.5),
            strict=True,
        )
    }
    assert found == pytest.approx(expected, abs=1e-6)


def test_what_is_outside_is_not_measured():
    within = ball(6)
    hu = np.where(within > 0, 40.0, -900.0)
    assert measured(within, hu) == pytest.approx(measured(within, np.full_like(hu, 40.0)))


def test_the_volume_of_a_ball():
    found = measured(ball(9), np.zeros((SIDE,) * 3))
    voxels = math.exp(found["volume"] * 1.3 + 5.5)
    assert voxels == pytest.approx(4 / 3 * math.pi * 9**3, rel=0.02)


def test_calcium_in_one_corner_counts_and_spreads():
    within, hu = box(10, 10, 10), np.zeros((SIDE,) * 3)
    hu[3:13, 3:13, 3] = 900
    found = measured(within, hu)
    # a tenth of the voxels at thrice the unit
    assert found["density"] == pytest.approx(0.3 * 1000 / 1001)
    assert found["spread"] == pytest.approx(math.sqrt(0.1 * 9 - 0.09 + 0.01), rel=2e-3)
    for t, middle in ((300, 0.7), (500, 0.5)):
        voxels = math.exp(found[f"above_{t}"] * 1.5 + middle) - 1
        assert voxels == pytest.approx(100, rel=0.01)
    # half of what lies on a threshold counts
    voxels = math.exp(found["above_0"] * 1.5 + 4) - 1
    assert voxels == pytest.approx(100 + 900 / 2, rel=1e-3)


@given(
    st.integers(0, 2**32 - 1),
    # seen from above, a nodule on its side has another area
    st.sampled_from([(0, 1, 2), (1, 0, 2)]),
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
