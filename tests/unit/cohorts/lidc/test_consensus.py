"""Filled contours and the consensus of readers, against masks known beforehand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lungcam.cohorts.lidc import Contour
from lungcam.cohorts.lidc.consensus import Region, consensus, fill_contours

SHAPE = (40, 30, 5)


def slice_index(contour: Contour) -> int | None:
    """Return a contour's height as its slice."""
    return int(contour.z_mm) if contour.z_mm < SHAPE[2] else None


def voxels(contours, shape=SHAPE) -> np.ndarray:
    """Return the filled contours in the whole volume."""
    region = fill_contours(contours, slice_index, shape=shape)
    volume = np.zeros(shape, bool)
    if region is not None:
        volume[region.box] = region.mask
    return volume


def outline(points, z=1, included=True) -> Contour:
    return Contour(z_mm=z, sop_uid="", included=included, points=np.array(points))


def box(x0, y0, x1, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def test_the_points_of_a_contour_are_outside():
    volume = voxels([outline(box(3, 5, 8, 20))])
    expected = np.zeros(SHAPE, bool)
    expected[4:8, 6:20, 1] = True
    assert np.array_equal(volume, expected)


def test_a_diamond_is_filled_up_to_its_diagonals():
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


def test_an_excluded_contour_is_subtracted_without_its_points():
    volume = voxels([outline(box(5, 6, 9, 10), included=False), outline(box(2, 2, 15, 15))])
    expected = np.zeros(SHAPE, bool)
    expected[3:15, 3:15, 1] = True
    expected[6:9, 7:10, 1] = False
    assert np.array_equal(volume, expected)


def test_a_hole_that_extends_beyond_the_nodule_is_subtracted_where_they_overlap():
    hole = outline(box(10, 0, 25, 29), included=False)
    volume = voxels([outline(box(2, 2, 15, 15)), hole, outline(box(0, 0, 9, 9), 3, False)])
    assert volume.sum() == 8 * 12
    assert not volume[11:].any()


def test_the_hole_of_a_keyhole_contour_stays_open():
    keyhole = [(2, 2), (20, 2), (20, 20), (2, 20), (2, 10), (8, 10)]
    keyhole += [(8, 14), (14, 14), (14, 8), (8, 8), (8, 10), (2, 10)]
    volume = voxels([outline(keyhole)])[:, :, 1]
    assert not volume[9:14, 9:14].any()
    assert volume[16, 11]
    assert volume[5, 5]
    assert not volume[5, 10]


def test_contours_on_one_slice_and_on_several_are_joined():
    volume = voxels(
        [outline(box(1, 1, 5, 5)), outline(box(10, 1, 14, 5)), outline(box(1, 1, 3, 3), 4)]
    )
    assert volume.sum() == 9 + 9 + 1
    assert volume[:, :, 1].sum() == 18


def test_contours_outside_the_volume_are_skipped():
    outside = [outline(box(30, 2, 40, 9)), outline(box(-1, 2, 8, 9)), outline(box(2, 2, 8, 8), z=9)]
    assert fill_contours(outside, slice_index, shape=SHAPE) is None
    assert voxels([*outside, outline(box(0, 0, 39, 29))]).sum() == 38 * 28


def test_two_points_enclose_no_pixel():
    region = fill_contours([outline([(3, 3), (9, 5)])], lambda contour: 1, shape=SHAPE)
    assert region is not None
    assert not region.mask.any()


def region(x0, x1) -> Region:
    return Region((x0, 2, 1), np.ones((x1 - x0, 3, 2), bool))


def test_a_voxel_belongs_to_the_nodule_if_half_of_the_readers_outlined_it():
    four = consensus([region(0, 4), region(2, 6), region(3, 9), region(3, 7)])
    assert four.start == (2, 2, 1)
    assert four.mask.shape == (5, 3, 2)
    assert four.mask.all()
    pair = consensus([region(0, 4), region(2, 6)])
    assert (pair.start[0], pair.mask.shape[0]) == (0, 6)


def test_voxels_of_any_reader_count_if_none_reaches_the_share():
    union = consensus([region(0, 2), region(4, 6), region(8, 10)])
    assert union.start == (0, 2, 1)
    assert union.mask.sum() == 3 * 2 * 3 * 2
