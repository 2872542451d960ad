"""Which marks mean the same nodule, against cases worked by hand.

Outlines turned into voxels, against masks known beforehand.
"""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lungcam.cohorts.lidc import Annotation, Contour, cluster
from lungcam.cohorts.lidc.consensus import Region, consensus, draw

PIXEL_MM = (0.7, 0.7)


def drawn(reader: int, x: int, y: int, z: float, half: int = 4, slices: int = 2) -> Annotation:
    """A square about (x, y) on some slices of 2.5 mm from z on."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half + (x, y)
    steps = np.linspace(corners, np.roll(corners, -1, axis=0), 2 * half, endpoint=False)
    points = np.rint(steps.transpose(1, 0, 2).reshape(-1, 2)).astype(int)
    contours = tuple(
        Contour(z_mm=z + 2.5 * k, sop_uid=f"{z + 2.5 * k}", included=True, points=points)
        for k in range(slices)
    )
    return Annotation(reader=reader, nodule_id="", ratings={"malignancy": 3}, contours=contours)


def groups(annotations) -> list[list[int]]:
    return [
        sorted(annotations.index(one) for one in nodule.annotations)
        for nodule in cluster(annotations, PIXEL_MM)
    ]


def test_marks_that_cross_are_one_nodule_and_far_ones_another():
    marks = [drawn(1, 50, 50, 0), drawn(2, 52, 49, 0), drawn(3, 90, 50, 0), drawn(4, 50, 50, 60)]
    assert groups(marks) == [[0, 1], [2], [3]]


@pytest.mark.parametrize(("apart", "count"), [(2, 1), (3, 2)])
def test_marks_join_up_to_2_mm(apart, count):
    # two pixels of 0.7 mm are nearer than 2 mm, three are not
    marks = [drawn(1, 50, 50, 0), drawn(2, 58 + apart, 50, 0)]
    assert len(cluster(marks, PIXEL_MM)) == count


def test_with_pixels_wider_than_2_mm_neighbours_join():
    assert len(cluster([drawn(1, 50, 50, 0), drawn(2, 59, 50, 0)], (3.6, 3.6))) == 1


def test_heights_and_both_axes_count_in_mm():
    assert groups([drawn(1, 50, 50, 0), drawn(2, 50, 50, 5)]) == [[0], [1]]
    wide = [drawn(1, 50, 50, 0), drawn(2, 62, 50, 0)]
    tall = [drawn(1, 50, 50, 0), drawn(2, 50, 62, 0)]
    assert len(cluster(wide, (0.4, 0.9))) == 1
    assert len(cluster(tall, (0.4, 0.9))) == 2


def test_a_reader_who_drew_two_parts_saw_two_nodules():
    # as in LIDC-IDRI-0252, where LIDC counts two: three readers drew one, the fourth two parts
    marks = [drawn(r, 50, 50, 0, half=10) for r in (1, 2, 3)]
    marks += [drawn(4, 47, 50, 0, half=6), drawn(4, 59, 50, 0, half=3)]
    nodules = cluster(marks, PIXEL_MM)
    assert [one.readers for one in nodules] == [(1, 2, 3, 4), (4,)]
    assert nodules[0].annotations[3] is marks[3]
    assert [one.ambiguous for one in nodules] == [True, True]


def test_four_readers_who_agree_are_not_ambiguous():
    (nodule,) = cluster([drawn(r, 50 + r, 50, 0) for r in (4, 2, 3, 1)], PIXEL_MM)
    assert nodule.readers == (1, 2, 3, 4)
    assert [one.reader for one in nodule.annotations] == [1, 2, 3, 4]
    assert not nodule.ambiguous


def test_no_marks_are_no_nodules():
    assert cluster([], PIXEL_MM) == []


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4), st.integers(0, 40), st.integers(0, 40), st.sampled_from([0.0, 2.5])
        ),
        max_size=12,
    )
)
# two marks of one reader as far from another's
@example([(1, 9, 30, 0.0), (2, 6, 32, 0.0), (2, 11, 27, 0.0)])
def test_each_mark_is_in_one_nodule_and_no_nodule_has_two_of_a_reader(places):
    marks = [drawn(*place, half=3) for place in places]
    nodules = cluster(marks, PIXEL_MM)
    assert sorted(id(one) for nodule in nodules for one in nodule.annotations) == sorted(
        map(id, marks)
    )
    assert all(len(one.readers) == len(one.annotations) <= 4 for one in nodules)
    moved = [drawn(r, x + 100, y + 30, z + 7, half=3) for r, x, y, z in places]
    assert [one.readers for one in cluster(moved, PIXEL_MM)] == [one.readers for one in nodules]


SHAPE = (40, 30, 5)


def voxels(contours, shape=SHAPE) -> np.ndarray:
    """The whole volume; heights count the slices."""
    region = draw(contours, lambda one: int(one.z_mm) if one.z_mm < shape[2] else None, shape=shape)
    volume = np.zeros(shape, bool)
    if region is not None:
        volume[region.box] = region.mask
    return volume


def outline(points, z=1, included=True) -> Contour:
    return Contour(z_mm=z, sop_uid="", included=included, points=np.array(points))


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
    assert draw(far, lambda one: int(one.z_mm) if one.z_mm < 5 else None, shape=SHAPE) is None
    assert voxels([*far, outline(box(0, 0, 39, 29))]).sum() == 38 * 28


def test_two_points_surround_nothing():
    region = draw([outline([(3, 3), (9, 5)])], lambda one: 1, shape=SHAPE)
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
