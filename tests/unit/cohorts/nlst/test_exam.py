"""One series an exam."""

from pathlib import Path

import pytest

from lungcam.cohorts.dicom_index import Series
from lungcam.cohorts.nlst.exam import choose_series


def series(uid, thickness=2.5, slices=100, kernel="STANDARD", pid="100012", year=0, **rest):
    known = {"study_uid": "1", "modality": "CT", "localizer": False, **rest}
    return Series(
        folder=Path(uid),
        patient_id=pid,
        series_uid=uid,
        slices=slices,
        thickness_mm=thickness,
        kernel=kernel,
        timepoint=year,
        **known,
    )


def chosen(found, kernels=()):
    exams, _ = choose_series(found, kernels)
    return [exam.series.series_uid for exam in exams]


SCOUT = series("0", thickness=0.6, slices=500, localizer=True)


def test_the_thinnest_then_the_most_slices_then_the_uid():
    assert chosen([SCOUT, series("1", 5.0, 300), series("2", 1.25)]) == ["2"]
    assert chosen([series("1", 2.0, 120), series("2", 2.0, 160)]) == ["2"]
    assert chosen([series("2", 2.0), series("1", 2.0), series("3", 2.0)]) == ["1"]
    assert chosen([series("1", None, 900), series("2", 5.0)]) == ["2"]


def test_preferred_kernels_come_first_in_their_order():
    found = [series("1", 1.0, kernel="LUNG"), series("2", kernel="B30f\\3"), series("3", 5.0)]
    assert chosen(found) == ["1"]
    assert chosen(found, ["standard"]) == ["3"]
    assert chosen(found, ["B30f", "STANDARD"]) == ["2"]
    assert chosen(found, ["FC51"]) == ["1"]
    notes = choose_series(found, ["FC51"])[1]
    assert "1 exam(s) have none of the preferred kernels." in notes


def test_a_few_slices_are_taken_only_where_there_is_no_other():
    assert chosen([series("1", 0.5, 3), series("2", 5.0, 40)]) == ["2"]
    assert chosen([series("1", 0.5, 3)]) == ["1"]


def test_exams_are_by_person_and_year():
    found = [
        series("1", pid="200001", year=1),
        series("2", pid="100012", year=2),
        series("3", pid="100012"),
    ]
    exams, notes = choose_series(found)
    assert [(exam.pid, exam.year) for exam in exams] == [
        ("100012", 0),
        ("100012", 2),
        ("200001", 1),
    ]
    assert notes == [
        "3 series were chosen from 3 of 3 exams, 0 of which have more than one: by least "
        "SliceThickness, most slices, UID."
    ]


def test_what_is_left_aside_is_counted():
    found = [
        SCOUT,
        series("1", modality="SR"),
        series("2", pid="LIDC-IDRI-0001", year=None),
        series("3"),
        series("4", study_uid="2"),
    ]
    exams, notes = choose_series(found)
    assert len(exams) == 1
    assert notes[0] == (
        "Series left aside: 1 localizers, 1 of another modality than CT, 1 without an NLST "
        "participant and screening year."
    )
    assert "1 exam(s) have more than one study in their screening year." in notes


@pytest.mark.parametrize("found", [[], [SCOUT]])
def test_nothing_to_choose_from(found):
    assert choose_series(found)[0] == []
