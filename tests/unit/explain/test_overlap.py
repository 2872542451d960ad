"""Energy and overlap, by hand and against MONAI."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice, compute_iou

from lungcam.explain import LEVELS, energy_inside, overlap


def test_energy_worked_by_hand():
    heat = np.array([[[3.0, 1, -50, 4]]])
    # all of the first voxel, half of the second and all of the third are lesion
    assert energy_inside(heat, np.array([[[1, 0.5, 1, 0]]])) == 3.5 / 8
    assert energy_inside(-np.ones((2, 2, 2)), np.ones((2, 2, 2))) == 0


def test_a_map_that_is_the_lesion_is_perfect():
    lesion = np.zeros((6, 6, 6))
    lesion[1:3, 2:5, 3] = 1
    assert energy_inside(0.01 * lesion, lesion) == 1
    assert [overlap(0.01 * lesion, lesion, level) for level in LEVELS] == [(1, 1)] * 3


@pytest.mark.parametrize("level", LEVELS)
def test_overlap_is_that_of_monai(level):
    rng = np.random.default_rng(0)
    heat, lesion = rng.normal(size=(7, 8, 9)), rng.random((7, 8, 9)) > 0.7
    hot = torch.tensor(heat >= level * heat.max())[None, None]
    told = torch.tensor(lesion)[None, None]
    iou, dice = overlap(heat, lesion.astype(np.float32), level)
    assert iou == pytest.approx(float(compute_iou(hot, told)))
    assert dice == pytest.approx(float(compute_dice(hot, told)))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_map_without_heat_covers_nothing(value):
    assert overlap(np.full((3, 3, 3), value), np.ones((3, 3, 3)), 0.5) == (0, 0)


@settings(deadline=None)
@given(st.integers(0, 1000), st.sampled_from(LEVELS), st.floats(0.001, 1000))
def test_figures_hang_on_no_scale_and_dice_follows_iou(seed, level, scale):
    rng = np.random.default_rng(seed)
    heat, share = rng.normal(size=(5, 5, 5)), rng.random((5, 5, 5))
    iou, dice = overlap(heat, share, level)
    assert dice == pytest.approx(2 * iou / (1 + iou))
    assert 0 <= iou <= 1
    assert energy_inside(scale * heat, share) == pytest.approx(energy_inside(heat, share))
