"""Outlines turned into voxels, against masks known beforehand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lungcam.cohorts.lidc import Contour
from lungcam.cohorts.lidc.outline import Region, consensus, draw

SHAPE = (40, 30, 5)


def voxels(contours, shape=SHAPE) -> np.ndarray:
    """The whole volume; heights count the slices."""
    region = draw(contours, lambda one: int(one.z_mm) if one.z_mm < shape[2] else None, shape)
    volume = np.zeros(shape, bool)
    if region is not None:
        volume[region.box] = region.mask
    return volume


def outline(points, z=1, included=True) -> Contour:
    return Contour(z, "", included, np.array(points))


def box(x0, y0, x1, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def test_the_drawn_pixels_are_outside():
    volume = voxels([outline(box(3, 5, 8, 20))])
    expected = np.zeros(SHAPE, bool)
    expected[4:8, 6:20, 1] = True
    assert np.array_equal(volume, expected)


def test_a_diamond_is_filled_to_its_diagonals():
    volume = voxels([outline([(10, 4), (16, 10), (10, 16), (4, 10)])])[:, :, 1]
    x, y = np.indices(volume.shape)
    assert np.array_equal(volume, abs(x - 10) + abs(y - 10) < 6)


@given(st.lists(st.integers(1, 25), min_size=1, max_size=30), st.booleans(), st.integers(0, 59))
def test_a_staircase_is_filled_exactly(heights, backwards, first):
    points = [(0, 0)]
    for x, height in enumerate(heights):
        points += [(x, height), (x + 1, height)]
    points += [(len(heights), 0)]
    points = np.roll(points[:: -1 if backwards else 1], first, axis=0)
    expected = np.zeros(SHAPE, bool)
    for x in range(1, len(heights)):
        expected[x, 1 : min(heights[x - 1], heights[x]), 1] = True
    assert np.array_equal(voxels([outline(points)]), expected)


def test_what_is_not_included_is_taken_away_without_its_outline():
    volume = voxels([outline(box(5, 6, 9, 10), included=False), outline(box(2, 2, 15, 15))])
    expected = np.zeros(SHAPE, bool)
    expected[3:15, 3:15, 1] = True
    expected[6:9, 7:10, 1] = False
    assert np.array_equal(volume, expected)


def test_a_hole_that_reaches_out_of_the_nodule_takes_away_what_it_meets():
    hole = outline(box(10, 0, 25, 29), included=False)
    volume = voxels([outline(box(2, 2, 15, 15)), hole, outline(box(0, 0, 9, 9), 3, False)])
    assert volume.sum() == 8 * 12
    assert not volume[11:].any()


def test_an_outline_that_runs_in_and_back_leaves_its_hole_open():
    keyhole = [(2, 2), (20, 2), (20, 20), (2, 20), (2, 10), (8, 10)]
    keyhole += [(8, 14), (14, 14), (14, 8), (8, 8), (8, 10), (2, 10)]
    volume = voxels([outline(keyhole)])[:, :, 1]
    assert not volume[9:14, 9:14].any()
    assert volume[16, 11]
    assert volume[5, 5]
    assert not volume[5, 10]


def test_islands_on_a_slice_and_on_several_add_up():
    volume = voxels(
        [outline(box(1, 1, 5, 5)), outline(box(10, 1, 14, 5)), outline(box(1, 1, 3, 3), 4)]
    )
    assert volume.sum() == 9 + 9 + 1
    assert volume[:, :, 1].sum() == 18


def test_outlines_out_of_the_volume_are_passed_over():
    far = [outline(box(30, 2, 40, 9)), outline(box(-1, 2, 8, 9)), outline(box(2, 2, 8, 8), z=9)]
    assert draw(far, lambda one: int(one.z_mm) if one.z_mm < 5 else None, SHAPE) is None
    assert voxels([*far, outline(box(0, 0, 39, 29))]).sum() == 38 * 28


def test_two_points_surround_nothing():
    region = draw([outline([(3, 3), (9, 5)])], lambda one: 1, SHAPE)
    assert region is not None
    assert not region.mask.any()


def region(x0, x1) -> Region:
    return Region((x0, 2, 1), np.ones((x1 - x0, 3, 2), bool))


def test_half_of_the_readers_decide():
    found = consensus([region(0, 4), region(2, 6), region(3, 9), region(3, 7)])
    assert found.start == (2, 2, 1)
    assert found.mask.shape == (5, 3, 2)
    assert found.mask.all()
    pair = consensus([region(0, 4), region(2, 6)])
    assert (pair.start[0], pair.mask.shape[0]) == (0, 6)


def test_where_no_voxel_is_agreed_on_any_reader_counts():
    found = consensus([region(0, 2), region(4, 6), region(8, 10)])
    assert found.start == (0, 2, 1)
    assert found.mask.sum() == 3 * 2 * 3 * 2
