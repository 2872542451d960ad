"""Slices have the orientation that radiologists expect, and the montage shows them."""

import numpy as np
import pytest

from lungcam.explain import HeatMap
from lungcam.explain.reliability import FAILED
from lungcam.grid import Grid
from lungcam.report.figure import to_rgb
from lungcam.report.montage import (
    SampleSlices,
    Slice,
    draw_montage,
    extract_slice,
    select_samples,
)

RULE = "label 1: malignancy 4 to 5; 0: 1 to 2; " + "others left out; " * 8

# a bright voxel in the patient's right, front and head
POINT = np.array([30.0, 44.0, 12.0])


@pytest.fixture
def scan():
    # RAS+: the last voxels are the rightmost, the foremost and the uppermost
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = -40, -40, -15
    grid = Grid((50, 50, 12), affine)
    hu = np.full(grid.shape, -800, np.int16)
    hu[tuple(np.rint(grid.to_index(POINT)).astype(int))] = 1000
    return hu, grid


def brightest(picture: np.ndarray) -> tuple[float, float]:
    """Return the position of the maximum as shares of width and height, from the top left."""
    y, x = np.unravel_index(picture.argmax(), picture.shape)
    return x / (picture.shape[1] - 1), y / (picture.shape[0] - 1)


@pytest.mark.parametrize(("plane", "axis"), [("axial", 1), ("coronal", 2)])
def test_right_is_on_the_left_and_front_or_head_at_the_top(scan, plane, axis):
    hu, grid = scan
    heat = HeatMap((hu > 0).astype(np.float32), grid)
    image = extract_slice(
        hu, grid, heat=heat, box=grid, point_mm=POINT, plane=plane, lesion=(POINT, 8.0)
    )
    low, high = grid.to_world([0, 0, 0]), grid.to_world(np.array(grid.shape) - 1)
    share = (POINT - low) / (high - low)
    expected = (1 - share[0], 1 - share[axis])
    for picture in (image.hu, image.heat):
        assert brightest(picture) == pytest.approx(expected, abs=0.03)
    x, y, radius = image.lesion
    height, width = image.hu.shape
    assert (x / (width - 1), y / (height - 1)) == pytest.approx(expected, abs=0.01)
    # the plane goes through the centre of the lesion of 4 mm radius
    assert radius == pytest.approx(4 / (98 / 319), rel=0.01)


def test_slice_covers_the_input_of_the_net(scan):
    hu, grid = scan
    box = grid.crop((slice(30, 40), slice(35, 45), slice(2, 12)))
    image = extract_slice(
        hu,
        grid,
        heat=HeatMap(np.zeros(box.shape, np.float32), box),
        box=box,
        point_mm=POINT,
        plane="axial",
    )
    low, high = box.to_world([0, 0, 0]), box.to_world(np.array(box.shape) - 1)
    share = (POINT - low) / (high - low)
    assert brightest(image.hu) == pytest.approx((1 - share[0], 1 - share[1]), abs=0.02)
    assert image.lesion is None
    assert not image.heat.any()


def test_peak_beyond_a_thin_crop_shows_its_last_slice(scan):
    hu, grid = scan
    hu = hu.copy()
    hu[..., -1] = 200
    no_heat = HeatMap(np.zeros(grid.shape, np.float32), grid)
    above = extract_slice(
        hu,
        grid,
        heat=no_heat,
        box=grid,
        point_mm=POINT + np.array([0, 0, 50]),
        plane="axial",
        lesion=(POINT, 4.0),
    )
    assert above.hu == pytest.approx(200, abs=1e-3)
    # 6 mm from the lesion's centre
    assert above.lesion is None


def test_oblique_scan_is_cut_along_its_own_axes(scan):
    hu, grid = scan
    c, s = np.cos(0.1), np.sin(0.1)
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    turned = Grid(grid.shape, turn @ grid.affine)
    no_heat = HeatMap(np.zeros(grid.shape, np.float32), grid)
    plain = extract_slice(hu, grid, heat=no_heat, box=grid, point_mm=POINT, plane="axial")
    no_heat = HeatMap(np.zeros(grid.shape, np.float32), turned)
    oblique = extract_slice(
        hu, turned, heat=no_heat, box=turned, point_mm=turn[:3, :3] @ POINT, plane="axial"
    )
    assert oblique.hu == pytest.approx(plain.hu, abs=0.1)


def test_negative_heat_is_not_drawn(scan):
    hu, grid = scan
    signed = np.full(grid.shape, -3, np.float32)
    signed[hu > 0] = 2
    image = extract_slice(
        hu, grid, heat=HeatMap(signed, grid), box=grid, point_mm=POINT, plane="axial"
    )
    assert image.heat.min() == 0
    assert image.heat.max() > 1


def test_errors_are_selected_as_readily_as_successes():
    labels = np.array([1, 1, 1, 0, 0, 1, 0])
    scores = np.array([0.9, 0.1, 0.5, 0.8, 0.2, 0.6, 0.3])
    assert select_samples(labels, scores) == [
        (0, "highest positive"),
        (2, "middle positive"),
        (1, "lowest positive"),
        (3, "highest negative"),
        (6, "middle negative"),
        (4, "lowest negative"),
    ]
    assert [row for row, _ in select_samples(np.array([1, 0]), np.array([0.1, 0.2]))] == [0, 1]


@pytest.mark.parametrize("peak", [0.0, 3.0])
def test_montage_shows_each_sample_with_its_caption(peak):
    hu, heat = np.full((40, 64), -700.0), np.zeros((40, 64))
    heat[10:20, 10:20] = peak
    image = Slice(hu, heat, (20.0, 20.0, 5.0))
    sample = SampleSlices(caption=("scan-1", "p = 0.812"), axial=image, coronal=image)
    figure = draw_montage([sample] * 3, "n = 9", label_rule=RULE)
    captions = [text.get_text() for text in figure.texts]
    assert captions.count("scan-1\np = 0.812") == 3
    picture = to_rgb(figure).astype(int)
    # only heat is redder than blue, apart from the colour bar on the right
    warm = (picture[..., 0] - picture[..., 2] > 60)[:, : picture.shape[1] * 3 // 4]
    assert warm.any() == (peak > 0)


@pytest.mark.parametrize("count", [1, 6])
def test_montage_of_a_failed_net_is_marked_next_to_its_title(count):
    image = Slice(np.full((40, 64), -700.0), np.zeros((40, 64)), None)
    samples = [SampleSlices(caption=("scan-1",), axial=image, coronal=image)] * count
    subtitle = "highest, middle and lowest probability of either class; test: n = 70"
    figure = draw_montage(samples, subtitle, label_rule=RULE, mark=FAILED)
    figure.canvas.draw()
    marks = [text for text in figure.texts if is_mark(text)]
    assert len(marks) == 1
    box = marks[0].get_window_extent()
    assert box.x1 < figure.bbox.x1
    others = [text for text in figure.texts if text is not marks[0]]
    assert not any(box.overlaps(text.get_window_extent()) for text in others)
    assert not any(map(is_mark, draw_montage(samples, subtitle, label_rule=RULE).texts))


def is_mark(text) -> bool:
    return text.get_text().replace("\n", " ") == FAILED
