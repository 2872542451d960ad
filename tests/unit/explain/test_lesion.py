"""Lesions as balls and masks, against formulas and SimpleITK."""

import math

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.explain import Lesion, ball_share, masked_lesion, refined_grid
from lungcam.grid import LPS_TO_RAS, Grid

GRID = Grid(
    (30, 28, 20), np.array([[-1.5, 0, 0, 40], [0, 1.5, 0, -20], [0, 0, 2, 5], [0, 0, 0, 1]])
)


def volume_ml(share, grid) -> float:
    return float(share.sum()) * abs(np.linalg.det(grid.affine[:3, :3])) / 1000


@pytest.mark.parametrize("diameter", [4.0, 9.0, 22.0])
def test_a_ball_has_its_volume(diameter):
    center = GRID.to_world((14.3, 13.6, 9.8))
    share = ball_share(center, diameter, grid=refined_grid(GRID, 1))
    assert volume_ml(share, refined_grid(GRID, 1)) == pytest.approx(
        math.pi / 6 * diameter**3 / 1000, rel=0.1
    )
    assert share.min() == 0
    assert share.max() == 1


@pytest.mark.parametrize("diameter", [3.0, 4.0, 8.0, 22.0])
@pytest.mark.parametrize("center", [(14, 13, 9), (14.3, 13.6, 9.8), (14.5, 13.5, 9.5)])
def test_a_ball_has_its_volume_on_a_grid_as_wide_as_itself(diameter, center):
    grid = Grid(GRID.shape, GRID.affine @ np.diag([3, 3, 2.5, 1]))
    share = ball_share(grid.to_world(center), diameter, grid=grid)
    assert volume_ml(share, grid) == pytest.approx(math.pi / 6 * diameter**3 / 1000, rel=0.04)


@pytest.mark.parametrize("index", [(0, 0, 0), (-0.4, 27.4, 3), (-9, 3, 3), (35, -7, 40)])
def test_a_ball_at_the_grids_edge_is_the_part_of_one_on_a_wider_grid(index):
    margin = 8
    affine = GRID.affine.copy()
    affine[:3, 3] = GRID.to_world((-margin,) * 3)
    wide = Grid(tuple(n + 2 * margin for n in GRID.shape), affine)
    inner = tuple(slice(margin, margin + n) for n in GRID.shape)
    center = GRID.to_world(index)
    share = ball_share(center, 12.0, grid=GRID)
    assert share == pytest.approx(ball_share(center, 12.0, grid=wide)[inner], abs=1e-6)


def test_the_centre_and_diameter_of_a_mask_are_those_of_simpleitk():
    rng = np.random.default_rng(0)
    mask = rng.random(GRID.shape) > 0.4
    mask[:9], mask[22:], mask[:, :, 15:] = False, False, False
    image = sitk.GetImageFromArray(mask.T.astype(np.uint8))
    affine = LPS_TO_RAS @ GRID.affine
    image.SetSpacing(GRID.spacing_mm)
    image.SetDirection((affine[:3, :3] / GRID.spacing_mm).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(image)
    lesion = masked_lesion(mask, GRID)
    np.testing.assert_allclose(lesion.center_mm * (-1, -1, 1), shape.GetCentroid(1), atol=1e-6)
    assert lesion.diameter_mm == pytest.approx(2 * shape.GetEquivalentSphericalRadius(1))
    # a given diameter takes precedence
    assert masked_lesion(mask, GRID, diameter_mm=7.5).diameter_mm == 7.5


def test_a_mask_contains_its_voxels_and_no_other_point():
    mask = np.zeros(GRID.shape, bool)
    mask[4:6, 7, 9] = True
    lesion = masked_lesion(mask, GRID)
    assert lesion.contains(GRID.to_world((3.6, 7.4, 8.6))) == 1
    assert lesion.contains(GRID.to_world((3.4, 7, 9))) == 0
    # neither beyond the volume, nor from its other end
    assert lesion.contains(GRID.to_world((4 - 30, 7, 9))) == 0
    assert lesion.contains(np.full(3, np.nan)) == 0
    assert math.isnan(Lesion(center_mm=np.zeros(3), diameter_mm=5.0).contains(np.zeros(3)))


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        masked_lesion(np.zeros((3, 3, 3), bool), Grid((3, 3, 3), np.eye(4)))


def test_shares_of_a_mask_keep_its_volume():
    mask = np.zeros(GRID.shape, bool)
    mask[10:17, 9:15, 6:11] = True
    lesion = masked_lesion(mask, GRID)
    coarse = Grid((9, 8, 8), GRID.affine @ np.diag([3.0, 3, 2, 1]))
    for target in (GRID, refined_grid(GRID, 1), coarse):
        assert volume_ml(lesion.share_on(target), target) == pytest.approx(
            volume_ml(mask, GRID), rel=0.02
        )


@pytest.mark.parametrize("widest", [0.7, 1.0, 1.5, 9.0])
def test_a_finer_grid_covers_the_same_box(widest):
    fine = refined_grid(GRID, widest)
    assert max(fine.spacing_mm) <= max(widest, min(fine.spacing_mm))
    for edge in (-0.5, np.array(GRID.shape) - 0.5):
        corner = np.broadcast_to(edge, 3)
        fine_corner = np.where(corner < 0, -0.5, np.array(fine.shape) - 0.5)
        np.testing.assert_allclose(fine.to_world(fine_corner), GRID.to_world(corner), atol=1e-9)
