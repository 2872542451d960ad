"""Clustering of annotations to nodules, against cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lungcam.cohorts.lidc import Annotation, Contour, cluster

PIXEL_MM = (0.7, 0.7)


def square(reader: int, x: int, y: int, z: float, half: int = 4, slices: int = 2) -> Annotation:
    """Return a square around (x, y) on slices of 2.5 mm from z upwards."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half + (x, y)
    steps = np.linspace(corners, np.roll(corners, -1, axis=0), 2 * half, endpoint=False)
    points = np.rint(steps.transpose(1, 0, 2).reshape(-1, 2)).astype(int)
    contours = tuple(
        Contour(z_mm=z + 2.5 * k, sop_uid=f"{z + 2.5 * k}", included=True, points=points)
        for k in range(slices)
    )
    return Annotation(reader=reader, nodule_id="", ratings={"malignancy": 3}, contours=contours)


def groups(annotations) -> list[list[int]]:
    """Return the indices of the annotations of each nodule."""
    return [
        sorted(annotations.index(annotation) for annotation in nodule.annotations)
        for nodule in cluster(annotations, PIXEL_MM)
    ]


def test_overlapping_marks_are_one_nodule_and_distant_marks_are_others():
    marks = [
        square(1, 50, 50, 0),
        square(2, 52, 49, 0),
        square(3, 90, 50, 0),
        square(4, 50, 50, 60),
    ]
    assert groups(marks) == [[0, 1], [2], [3]]


@pytest.mark.parametrize(("gap", "count"), [(2, 1), (3, 2)])
def test_marks_up_to_2_mm_apart_are_joined(gap, count):
    # two pixels of 0.7 mm are less than 2 mm, three are not
    marks = [square(1, 50, 50, 0), square(2, 58 + gap, 50, 0)]
    assert len(cluster(marks, PIXEL_MM)) == count


def test_marks_in_adjacent_pixels_wider_than_2_mm_are_joined():
    assert len(cluster([square(1, 50, 50, 0), square(2, 59, 50, 0)], (3.6, 3.6))) == 1


def test_distances_are_in_mm_along_all_axes():
    assert groups([square(1, 50, 50, 0), square(2, 50, 50, 5)]) == [[0], [1]]
    wide = [square(1, 50, 50, 0), square(2, 62, 50, 0)]
    tall = [square(1, 50, 50, 0), square(2, 50, 62, 0)]
    assert len(cluster(wide, (0.4, 0.9))) == 1
    assert len(cluster(tall, (0.4, 0.9))) == 2


def test_two_marks_of_one_reader_are_two_nodules():
    # as in LIDC-IDRI-0252, where LIDC counts two: three readers drew one, the fourth two parts
    marks = [square(r, 50, 50, 0, half=10) for r in (1, 2, 3)]
    marks += [square(4, 47, 50, 0, half=6), square(4, 59, 50, 0, half=3)]
    nodules = cluster(marks, PIXEL_MM)
    assert [nodule.readers for nodule in nodules] == [(1, 2, 3, 4), (4,)]
    assert nodules[0].annotations[3] is marks[3]
    assert [nodule.ambiguous for nodule in nodules] == [True, True]


def test_marks_of_four_readers_are_one_nodule_that_is_not_ambiguous():
    (nodule,) = cluster([square(r, 50 + r, 50, 0) for r in (4, 2, 3, 1)], PIXEL_MM)
    assert nodule.readers == (1, 2, 3, 4)
    assert [mark.reader for mark in nodule.annotations] == [1, 2, 3, 4]
    assert not nodule.ambiguous


def test_no_marks_give_no_nodules():
    assert cluster([], PIXEL_MM) == []


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4), st.integers(0, 40), st.integers(0, 40), st.sampled_from([0.0, 2.5])
        ),
        max_size=12,
    )
)
# two marks of one reader at the same distance from another reader's
@example([(1, 9, 30, 0.0), (2, 6, 32, 0.0), (2, 11, 27, 0.0)])
def test_each_mark_is_in_one_nodule_with_at_most_one_mark_of_a_reader(positions):
    marks = [square(*position, half=3) for position in positions]
    nodules = cluster(marks, PIXEL_MM)
    clustered = [mark for nodule in nodules for mark in nodule.annotations]
    assert sorted(map(id, clustered)) == sorted(map(id, marks))
    assert all(len(nodule.readers) == len(nodule.annotations) <= 4 for nodule in nodules)
    moved = [square(r, x + 100, y + 30, z + 7, half=3) for r, x, y, z in positions]
    assert [nodule.readers for nodule in cluster(moved, PIXEL_MM)] == [
        nodule.readers for nodule in nodules
    ]
