"""Nodules from a table of the user."""

import pytest

from lungcam.cohorts.nlst import nlst_cohort
from lungcam.cohorts.sample import ScanNodule
from lungcam.errors import InputError

HEADER = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return the folder of the scans."""
    return tmp_path_factory.mktemp("nlst")


@pytest.fixture(scope="module")
def cohort(root, tmp_path_factory, write_series, write_table):
    """Return a function that reads two exams, each with two series, with a nodule table."""
    for pid in ("100001", "100002"):
        write_series(root, pid, 0, "1", 12, "5.0")
        write_series(root, pid, 0, "2", 24, "2.5")
    person = {"can_scr": 0, "canc_rpt_link": 0, "candx_days": ".N", "cancyr": ".N"}
    person |= {"fup_days": 2000, "scr_days0": 0, "last_screen_studyyr": 0}
    people = [{"pid": pid} | person for pid in ("100001", "100002")]
    write_table(root / "tables" / "prsn.csv", people)
    finding = {"pid": "100002", "study_yr": 0, "sct_ab_desc": 51, "sct_long_dia": 9}
    write_table(root / "tables" / "ctab.csv", [finding])
    cache = tmp_path_factory.mktemp("cache")

    def read(nodules):
        return nlst_cohort(root, cache, rule="risk", nodules=nodules)

    return read


def test_nodules_are_matched_to_the_chosen_series(cohort, tmp_path):
    file = tmp_path / "nodules.csv"
    file.write_text(
        HEADER + "1.100001.0.2,10,-20,30,5.5\n1.100001.0.2,1,2,3,8\n"
        "1.100001.0.1,4,5,6,30\n1.2.3,7,8,9,40\n"
    )
    result = cohort(file)
    annotated, other = result.samples
    # LPS in the table, RAS in the sample; the largest is the sample's own
    assert annotated.nodules == (
        ScanNodule((-10, 20, 30), 5.5, True),
        ScanNodule((-1, -2, 3), 8, True),
    )
    assert (annotated.center_mm, annotated.diameter_mm) == ((-1, -2, 3), 8)
    # the diameter of the trial's reader is kept where the table has no row
    assert (other.nodules, other.center_mm, other.diameter_mm) == ((), None, 9)
    assert "nodules.csv: 1 exam(s) have nodules in it." in result.notes
    assert (
        "nodules.csv: 2 nodule(s) are of series that are no samples, and left out." in result.notes
    )


def test_without_a_table_there_is_no_center(cohort):
    assert [sample.nodules for sample in cohort(None).samples] == [(), ()]
    assert [sample.center_mm for sample in cohort(None).samples] == [None, None]


@pytest.mark.parametrize("folder", [".", "tables"])
def test_annotations_csv_is_found_next_to_the_scans_or_the_tables(cohort, folder, root):
    file = root / folder / "annotations.csv"
    file.write_text(HEADER + "1.100001.0.2,1,2,3,8\n")
    try:
        assert [len(sample.nodules) for sample in cohort(None).samples] == [1, 0]
    finally:
        file.unlink()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seriesuid,coordX,coordY,diameter_mm\n1.2,1,2,3\n", "no column coordZ; it has"),
        (HEADER + "1.2,1,2,3,4\n1.2,1,two,3,4\n", "row 3 holds no series, point"),
        (HEADER + "1.2,1,2,3,-1\n1.2,1,2,3,4\n", "row 2 holds no series, point"),
        (HEADER + ",1,2,3,4\n1.2,1,2,3,4\n", "row 2 holds no series, point"),
        (HEADER + "1.2,1,2,3,nan\n1.2,1,2,3,4\n", "row 2 holds no series, point"),
        (HEADER, "holds no point"),
        (None, "no such file; correct data.nodules"),
    ],
)
def test_an_unusable_table_is_refused_in_one_line(cohort, tmp_path, text, message):
    file = tmp_path / "nodules.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=rf"nodules\.csv: .*{message}") as error:
        cohort(file)
    assert "\n" not in str(error.value)
