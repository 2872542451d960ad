"""Which marks mean the same nodule, against cases worked by hand."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lungcam.cohorts.lidc import Annotation, Contour, cluster

PIXEL_MM = (0.7, 0.7)


def drawn(reader: int, x: int, y: int, z: float, half: int = 4, slices: int = 2) -> Annotation:
    """A square about (x, y) on some slices of 2.5 mm from z on."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half + (x, y)
    steps = np.linspace(corners, np.roll(corners, -1, axis=0), 2 * half, endpoint=False)
    points = np.rint(steps.transpose(1, 0, 2).reshape(-1, 2)).astype(int)
    contours = tuple(Contour(z + 2.5 * k, f"{z + 2.5 * k}", True, points) for k in range(slices))
    return Annotation(reader, "", {"malignancy": 3}, contours)


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
