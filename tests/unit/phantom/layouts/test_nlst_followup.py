"""Tests of the layout of NLST with people followed for years: tables, truth and reader agree."""

import csv
from pathlib import Path

import numpy as np
import pytest

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.nlst import nlst_cohort
from lungcam.cohorts.nlst.labels import times
from lungcam.cohorts.nlst.tables import Person
from lungcam.errors import InputError
from lungcam.phantom.layouts import write_layout
from lungcam.phantom.layouts.layout import Subject
from lungcam.phantom.layouts.nlst_followup import draw_follow_up, person_row
from lungcam.phantom.layouts.nlst_tables import PRSN, RESTRICTED
from lungcam.phantom.screening import best_risk, draw_course
from lungcam.scans import check_scan

SETTINGS = {"n": 6, "seed": 5, "matrix": 64, "workers": 1}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("risk") / "tree"
    return root, write_layout(root, "nlst_risk", **SETTINGS)


@pytest.fixture(scope="module")
def read(tree, tmp_path_factory):
    """Return the samples that the reader of NLST finds, by the folder of tables."""
    root, cache = tree[0], tmp_path_factory.mktemp("cache")
    nodules = root / "annotations.csv"

    def samples(tables: Path | None):
        return nlst_cohort(root, cache, tables=tables, rule="risk", nodules=nodules).samples

    folders = {name: samples(root / name) for name in ("tables", "restricted")}
    return {"default": samples(None), **folders}


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def by_series(root: Path) -> dict[str, dict[str, str]]:
    return {row["series_uid"]: row for row in table(root / "truth.csv")}


def point(row: dict[str, str], what: str) -> tuple[float, ...]:
    """Return the RAS mm of a point that a row of truth.csv gives in LPS."""
    x, y, z = (float(row[f"{what}_{axis}"]) for axis in "xyz")
    return -x, -y, z


def test_every_exam_has_a_row_of_truth_and_a_sample(tree, read):
    root, written = tree
    truth = by_series(root)
    assert read["default"] == read["tables"]
    for samples in read.values():
        labels = {sample.series_uid: sample.label for sample in samples}
        assert labels.keys() == truth.keys()
        expected = {sample.series_uid: sample.label for sample in written}
        assert expected.items() <= labels.items()
    years = [row["study_yr"] for row in truth.values()]
    assert years.count("0") == 6
    assert years.count("1") >= 1
    # with a localizer, and no other reconstruction
    assert len(list(root.glob("NLST/*/*/*"))) == 2 * len(years)
    assert check_scan(read["default"][0].image)[0].with_outcome("refused", "flagged") == []


def test_times_are_the_truth_up_to_the_end_of_follow_up(tree, read):
    truth = by_series(tree[0])
    for samples in (read["tables"], read["restricted"]):
        for sample in samples:
            days = truth[sample.series_uid]["days_to_cancer"]
            if sample.event:
                assert sample.time_days == float(days)
            else:
                assert not days or sample.time_days < float(days)
        assert {sample.event for sample in samples} == {True, False}


def test_annotated_nodules_are_those_of_the_truth(tree, read):
    root = tree[0]
    truth = by_series(root)
    assert len(table(root / "annotations.csv")) == sum(
        bool(row["nodule_x"]) for row in truth.values()
    )
    count = 0
    for sample in read["default"]:
        row = truth[sample.series_uid]
        if not row["nodule_x"]:
            assert (sample.nodules, sample.center_mm, sample.diameter_mm) == ((), None, 0)
            continue
        count += 1
        (nodule,) = sample.nodules
        assert nodule.counts
        assert nodule.center_mm == sample.center_mm == pytest.approx(point(row, "nodule"))
        assert nodule.diameter_mm == sample.diameter_mm
        assert sample.diameter_mm == pytest.approx(float(row["nodule_diameter_mm"]))
        # the scan shows the nodule
        scan = check_scan(sample.image)[1]
        index = np.rint(np.linalg.solve(scan.grid.affine, [*sample.center_mm, 1])[:3]).astype(int)
        around = tuple(slice(i - 1, i + 2) for i in index)
        assert scan.hu[around].max() > -500
    assert count > 2


def test_the_best_risk_follows_from_the_other_columns(tree):
    rows = table(tree[0] / "truth.csv")
    assert {row["pattern"] for row in rows} == {"0", "1"}
    for row in rows:
        risks = [float(row[f"best_risk_{k}"]) for k in range(1, 7)]
        size, pattern = float(row["nodule_diameter_mm"] or 0), row["pattern"] == "1"
        assert risks == pytest.approx(best_risk(size, pattern, share=0.8))
        assert bool(row["pattern_x"]) == bool(row["pattern_radius_mm"]) == pattern
        if pattern and size:
            offset = np.subtract(point(row, "pattern"), point(row, "nodule"))
            assert np.linalg.norm(offset) < float(row["pattern_radius_mm"])


def test_without_a_pattern_the_same_people_have_none(tree, tmp_path):
    write_layout(tmp_path / "none", "nlst_risk", pattern=0, **SETTINGS | {"n": 4})
    none, some = table(tmp_path / "none/truth.csv"), table(tree[0] / "truth.csv")
    assert {row["pattern"] for row in none} == {"0"}
    assert "pattern=0" in (tmp_path / "none/README.txt").read_text()
    same = ("pid", "study_yr", "days_to_cancer", "nodule_x", "nodule_diameter_mm")
    for row, other in zip(none, some, strict=False):
        assert [row[name] for name in same] == [other[name] for name in same]
        # other scans have other UIDs
        assert row["series_uid"] != other["series_uid"]
    with pytest.raises(InputError, match="another pattern; name a new or empty folder"):
        write_layout(tmp_path / "none", "nlst_risk", **SETTINGS)


def test_an_impossible_pattern_is_refused(tmp_path):
    for pattern in (-0.1, 1.5, float("nan")):
        with pytest.raises(InputError, match=r"pattern is .*; set it from 0 to 1"):
            write_layout(tmp_path / "tree", "nlst_risk", pattern=pattern)
    with pytest.raises(InputError, match=r"pattern=0.5: .* layout=nlst_risk"):
        write_layout(tmp_path / "tree", "nlst", pattern=0.5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("columns", [PRSN, RESTRICTED], ids=["public", "restricted"])
def test_rows_of_many_people_are_read_as_they_were_drawn(columns):
    # without voxels: the reader finds the course up to the end of follow-up
    rng = np.random.default_rng(0)
    lost = cancers = exams = 0
    for i in range(300):
        kind = ("malignant", "benign", "healthy")[i % 3]
        course = draw_course(rng, kind)
        follow = draw_follow_up(rng, course)
        subject = Subject(index=i, key="key", seed=i, kind=kind, difficulty=0.3, matrix=64)
        values = person_row(str(i), subject, course=course, follow=follow, lobe=1, emphysema=False)
        row = {name: str(values[name]) for name in columns}
        person = Person((Row(Path("participant.csv"), 2, row),))
        for year, day in enumerate(follow.exams):
            follow_up = times(person, year)
            assert (follow_up.unknown, follow_up.late) == ("", False)
            if course.cancer <= follow.end:
                assert follow_up.to_cancer == course.cancer - day
            else:
                assert follow_up.to_cancer is None
                assert follow_up.followed == follow.end - day
        for year in range(len(follow.exams), 3):
            assert times(person, year).unknown
            assert values[f"scr_res{year}"] in (11, 15, 23)
        # a linked cancer was visible in that exam
        if values["canc_rpt_link"]:
            assert values["can_scr"] == 1
            assert course.diameter_mm(follow.exams[values["cancyr"]]) > 4
            assert values[f"scr_res{values['cancyr']}"] in (4, 5)
        lost += follow.end < 2190
        cancers += course.cancer <= follow.end
        exams += len(follow.exams)
    assert 50 < lost < 100
    assert 70 < cancers < 130
    assert 370 < exams < 430
