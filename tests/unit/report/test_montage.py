"""A slice shows what stands at its place in the patient, the way readers of CT expect."""

import numpy as np
import pytest

from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.report.montage import cut

# a bright voxel in the patient's right, front and head
POINT = np.array([30.0, 44.0, 12.0])


@pytest.fixture
def scan():
    # RAS+: the last voxels are the right-most, the foremost and those nearest the head
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = -40, -40, -15
    grid = Grid((50, 50, 12), affine)
    hu = np.full(grid.shape, -800, np.int16)
    hu[tuple(np.rint(grid.to_index(POINT)).astype(int))] = 1000
    return hu, grid


def brightest(picture: np.ndarray) -> tuple[float, float]:
    """Place of the maximum as shares of width and height, from the top left."""
    y, x = np.unravel_index(picture.argmax(), picture.shape)
    return x / (picture.shape[1] - 1), y / (picture.shape[0] - 1)


@pytest.mark.parametrize(("plane", "axis"), [("axial", 1), ("coronal", 2)])
def test_right_is_on_the_left_and_front_or_head_at_the_top(scan, plane, axis):
    hu, grid = scan
    heat = HeatMap((hu > 0).astype(np.float32), grid)
    one = cut(hu, grid, heat=heat, box=grid, point_mm=POINT, plane=plane, lesion=(POINT, 8.0))
    low, high = grid.to_world([0, 0, 0]), grid.to_world(np.array(grid.shape) - 1)
    share = (POINT - low) / (high - low)
    expected = (1 - share[0], 1 - share[axis])
    for picture in (one.hu, one.heat):
        assert brightest(picture) == pytest.approx(expected, abs=0.03)
    x, y, radius = one.lesion
    height, width = one.hu.shape
    assert (x / (width - 1), y / (height - 1)) == pytest.approx(expected, abs=0.01)
    # the plane goes through its centre, and 4 mm are so many pixels
    assert radius == pytest.approx(4 / (98 / 319), rel=0.01)


def test_it_covers_what_the_net_was_shown(scan):
    hu, grid = scan
    box = grid.crop((slice(30, 40), slice(35, 45), slice(2, 12)))
    one = cut(
        hu,
        grid,
        heat=HeatMap(np.zeros(box.shape, np.float32), box),
        box=box,
        point_mm=POINT,
        plane="axial",
    )
    low, high = box.to_world([0, 0, 0]), box.to_world(np.array(box.shape) - 1)
    share = (POINT - low) / (high - low)
    assert brightest(one.hu) == pytest.approx((1 - share[0], 1 - share[1]), abs=0.02)
    assert one.lesion is None
    assert not one.heat.any()


def test_a_peak_beyond_a_thin_crop_shows_its_last_slice(scan):
    hu, grid = scan
    hu = hu.copy()
    hu[..., -1] = 200
    nothing = HeatMap(np.zeros(grid.shape, np.float32), grid)
    above = cut(
        hu,
        grid,
        heat=nothing,
        box=grid,
        point_mm=POINT + np.array([0, 0, 50]),
        plane="axial",
        lesion=(POINT, 4.0),
    )
    assert above.hu == pytest.approx(200, abs=1e-3)
    # 6 mm from the ball's centre
    assert above.lesion is None


def test_an_oblique_scan_is_cut_along_its_own_axes(scan):
    hu, grid = scan
    c, s = np.cos(0.1), np.sin(0.1)
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    turned = Grid(grid.shape, turn @ grid.affine)
    nothing = HeatMap(np.zeros(grid.shape, np.float32), grid)
    plain = cut(hu, grid, heat=nothing, box=grid, point_mm=POINT, plane="axial")
    nothing = HeatMap(np.zeros(grid.shape, np.float32), turned)
    oblique = cut(
        hu, turned, heat=nothing, box=turned, point_mm=turn[:3, :3] @ POINT, plane="axial"
    )
    assert oblique.hu == pytest.approx(plain.hu, abs=0.1)


def test_what_speaks_against_is_not_drawn(scan):
    hu, grid = scan
    signed = np.full(grid.shape, -3, np.float32)
    signed[hu > 0] = 2
    one = cut(hu, grid, heat=HeatMap(signed, grid), box=grid, point_mm=POINT, plane="axial")
    assert one.heat.min() == 0
    assert one.heat.max() > 1
