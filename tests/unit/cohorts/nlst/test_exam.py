"""Choice of one series for each exam."""

from pathlib import Path

import pytest

from lungcam.cohorts.dicom_index import Series
from lungcam.cohorts.nlst.exam import choose_series


def series(uid, thickness=2.5, slices=100, kernel="STANDARD", pid="100012", year=0, **fields):
    others = {"study_uid": "1", "modality": "CT", "localizer": False, **fields}
    return Series(
        folder=Path(uid),
        patient_id=pid,
        series_uid=uid,
        slices=slices,
        thickness_mm=thickness,
        kernel=kernel,
        timepoint=year,
        **others,
    )


def chosen(candidates, kernels=()):
    """Return the UIDs of the chosen series."""
    exams, _ = choose_series(candidates, kernels)
    return [exam.series.series_uid for exam in exams]


SCOUT = series("0", thickness=0.6, slices=500, localizer=True)


def test_series_rank_by_thickness_then_slices_then_uid():
    assert chosen([SCOUT, series("1", 5.0, 300), series("2", 1.25)]) == ["2"]
    assert chosen([series("1", 2.0, 120), series("2", 2.0, 160)]) == ["2"]
    assert chosen([series("2", 2.0), series("1", 2.0), series("3", 2.0)]) == ["1"]
    assert chosen([series("1", None, 900), series("2", 5.0)]) == ["2"]


def test_preferred_kernels_rank_first_in_their_order():
    candidates = [series("1", 1.0, kernel="LUNG"), series("2", kernel="B30f\\3"), series("3", 5.0)]
    assert chosen(candidates) == ["1"]
    assert chosen(candidates, ["standard"]) == ["3"]
    assert chosen(candidates, ["B30f", "STANDARD"]) == ["2"]
    assert chosen(candidates, ["FC51"]) == ["1"]
    notes = choose_series(candidates, ["FC51"])[1]
    assert "1 exam(s) have none of the preferred kernels." in notes


def test_a_series_of_few_slices_is_chosen_only_without_an_alternative():
    assert chosen([series("1", 0.5, 3), series("2", 5.0, 40)]) == ["2"]
    assert chosen([series("1", 0.5, 3)]) == ["1"]


def test_exams_are_grouped_by_person_and_year():
    candidates = [
        series("1", pid="200001", year=1),
        series("2", pid="100012", year=2),
        series("3", pid="100012"),
    ]
    exams, notes = choose_series(candidates)
    assert [(exam.pid, exam.year) for exam in exams] == [
        ("100012", 0),
        ("100012", 2),
        ("200001", 1),
    ]
    assert notes == [
        "3 series were chosen from 3 of 3 exams, 0 with more than one: by least "
        "SliceThickness, most slices, UID."
    ]


def test_skipped_series_are_counted():
    candidates = [
        SCOUT,
        series("1", modality="SR"),
        series("2", pid="LIDC-IDRI-0001", year=None),
        series("3"),
        series("4", study_uid="2"),
    ]
    exams, notes = choose_series(candidates)
    assert len(exams) == 1
    assert notes[0] == (
        "Series skipped: 1 localizers, 1 of another modality than CT, 1 without an NLST "
        "participant and screening year."
    )
    assert "1 exam(s) have more than one study in their screening year." in notes


@pytest.mark.parametrize("candidates", [[], [SCOUT]])
def test_no_candidate_gives_no_exam(candidates):
    assert choose_series(candidates)[0] == []
