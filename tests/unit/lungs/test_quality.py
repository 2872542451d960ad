import numpy as np
import pytest

from lungcam.lungs import mask_quality


def test_figures_by_hand():
    lungs, mask = np.zeros((12, 10, 10), bool), np.zeros((12, 10, 10), bool)
    lungs[1:4, 2:6, 3:8] = True  # 60 voxels at low x: the patient's left
    lungs[7:11, 2:7, 3:8] = True  # 100
    mask[1:11, 1:9, 2:9] = True  # 560
    assert mask_quality(lungs, mask, (2.0, 2.5, 4.0)) == {
        "lungs_ml": 3.2,
        "mask_ml": 11.2,
        "left_share": 0.375,
        "touches_border": False,
    }


def test_left_share_is_that_of_the_patients_left(phantom):
    _, _, truth, grid = phantom(1)
    world = grid.to_world(np.argwhere(truth))
    middle = (world[:, 0].min() + world[:, 0].max()) / 2
    # in RAS mm the patient's left is where x is small
    share = float((world[:, 0] < middle).mean())
    quality = mask_quality(truth, truth, grid.spacing_mm)
    assert quality["left_share"] == pytest.approx(share, abs=0.01)
    assert quality["lungs_ml"] == pytest.approx(truth.sum() * np.prod(grid.spacing_mm) / 1e3, 1e-4)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("end", [0, -1])
def test_lungs_at_a_face_are_told(axis, end):
    lungs = np.zeros((8, 8, 8), bool)
    lungs[2:6, 2:6, 2:6] = True
    assert not mask_quality(lungs, lungs, (1, 1, 1))["touches_border"]
    np.moveaxis(lungs, axis, 0)[end, 3, 3] = True
    assert mask_quality(lungs, lungs, (1, 1, 1))["touches_border"]


def test_mask_at_a_face_does_not_count():
    lungs = np.zeros((8, 8, 8), bool)
    lungs[2:6, 2:6, 2:6] = True
    assert not mask_quality(lungs, np.ones_like(lungs), (1, 1, 1))["touches_border"]
