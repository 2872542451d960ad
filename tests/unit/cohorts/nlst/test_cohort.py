"""Labels of NLST's exams worked out by hand, from public and restricted tables."""

import dataclasses
import inspect

import pytest

from lungcam.cohorts.nlst import nlst_cohort
from lungcam.cohorts.nlst.tables import tables_near
from lungcam.cohorts.survival import risk_targets
from lungcam.errors import InputError

# canc_rpt_link, can_scr, cancyr, candx_days, canc_free_days, scr_res0-2, scr_days0-2
NAMES = (
    *("canc_rpt_link", "can_scr", "cancyr", "candx_days", "canc_free_days"),
    *("scr_res0", "scr_res1", "scr_res2", "scr_days0", "scr_days1", "scr_days2"),
)
PUBLIC = {
    # found by the T0 screen, 90 days after it
    "100001": (1, 1, 0, 100, 95, 4, 23, 23, 10, ".N", ".N"),
    # found by the T1 screen, 60 days after it and 450 after T0
    "100002": (1, 1, 1, 460, 455, 2, 4, 23, 10, 400, ".N"),
    # not linked to the screen: an interval cancer
    "100003": (0, 2, 0, 300, 290, 1, 23, 23, 5, ".N", ".N"),
    # never cancer, one screen, followed 2,500 days
    "200004": (0, 0, ".N", ".N", 2500, 1, 15, 15, 0, ".N", ".N"),
    # never cancer, three screens, followed 2,000 days
    "200005": (0, 0, ".N", ".N", 2000, 1, 2, 3, 20, 390, 750),
    # never cancer, one screen, withdrawn after 700 days
    "200006": (0, 0, ".N", ".N", 700, 1, 11, 11, 12, ".N", ".N"),
    # the T1 scan came after the diagnosis
    "100007": (1, 1, 0, 50, 50, 4, 23, 23, 1, ".E", ".N"),
    # cancer long after: 2,300 days after T0
    "100008": (0, 4, 6, 2310, 2300, 1, 1, 1, 10, 370, 740),
}
YEARS = {"200005": (0, 1, 2), "100002": (0, 1), "100007": (0, 1), "100008": (0,)}


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_series):
    folder = tmp_path_factory.mktemp("nlst")
    for pid in PUBLIC:
        for year in YEARS.get(pid, (0,)):
            write_series(folder, pid, year, "1", 2, image_type="LOCALIZER")
            write_series(folder, pid, year, "2", 12, "5.0")
            write_series(folder, pid, year, "3", 24, "2.5")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def people(table=PUBLIC):
    """Return the rows of the participant table."""
    return [
        {"pid": pid, "age": 60 + i, **dict(zip(NAMES, row, strict=True))}
        for i, (pid, row) in enumerate(table.items())
    ]


@pytest.fixture
def public(tmp_path, write_table):
    """Write the public tables."""
    folder = tmp_path / "tables"
    write_table(folder / "nlst_780_prsn_idc_20210527.csv", people())
    write_table(
        folder / "nlst_780_screen_idc_20210527.csv",
        [
            {"pid": pid, "study_yr": year, "ctdxqual": 1, "techpara_kvp": 120 + year}
            for pid in PUBLIC
            for year in YEARS.get(pid, (0,))
        ],
    )
    nodules = [
        # pid, study_yr, sct_ab_desc, sct_long_dia, sct_margins
        ("100001", 0, 51, 12, 1),
        ("100001", 0, 51, 23, 2),
        ("100001", 0, 59, 80, ".N"),
        ("100002", 0, 59, ".N", ".N"),
        ("100002", 1, 51, 8, 3),
        ("100003", 0, 51, ".M", 1),
    ]
    columns = ("pid", "study_yr", "sct_ab_desc", "sct_long_dia", "sct_margins")
    write_table(
        folder / "nlst_780_ctab_idc_20210527.csv",
        [dict(zip(columns, row, strict=True)) for row in nodules],
    )
    # tables of the download that are not used
    write_table(folder / "nlst_780_canc_idc_20210527.csv", [{"pid": 100001, "lc_order": 1}])
    write_table(folder / "nlst_780_ctabc_idc.csv", [{"pid": 1, "study_yr": 0, "sct_ab_code": 1}])
    return folder


@pytest.fixture
def restricted(tmp_path, write_table):
    """Write the participant file of CDAS."""
    # rndgroup, lung_cancer, last_screen_studyyr, fup_days
    columns = {
        "100001": (1, 1, 0, 2600),
        "100002": (1, 1, 1, 2600),
        "100003": (1, 1, 0, 2600),
        "200004": (1, 0, 0, 2550),
        "200005": (1, 0, 2, 2100),
        "200006": (2, 0, 0, 700),
        "100007": (1, 1, 0, 900),
        "100008": (1, 1, 2, 2500),
    }
    names = ("rndgroup", "lung_cancer", "last_screen_studyyr", "fup_days")
    rows = [row | dict(zip(names, columns[row["pid"]], strict=True)) for row in people()]
    for row in rows:
        row["pkyr"] = 40.5
    write_table(tmp_path / "restricted" / "participant_d040722.csv", rows)
    return tmp_path / "restricted"


def labels(cohort):
    return {sample.sample_id: sample.label for sample in cohort.samples}


SCREEN = {
    "100001_T0": 1,
    "100002_T0": None,
    "100003_T0": None,
    "100007_T0": 1,
    "100008_T0": None,
    "200004_T0": 0,
    "200005_T0": None,
    "200006_T0": 0,
}


def test_the_screen_rule_from_public_tables(root, cache, public):
    cohort = nlst_cohort(root, cache, tables=public)
    assert labels(cohort) == SCREEN
    assert "T0 screen found" in cohort.label_rule
    by_id = {sample.sample_id: sample for sample in cohort.samples}
    sample = by_id["100001_T0"]
    assert (sample.patient_id, sample.image.name) == ("100001", "3.000000-x")
    assert (sample.study_uid, sample.series_uid) == ("1.100001.0", "1.100001.0.3")
    assert (sample.time_days, sample.event, sample.center_mm) == (90, True, None)
    assert sample.label_source == (
        "nlst_780_prsn_idc_20210527.csv, row 2; rule screen: lung cancer found by the T0 screen "
        "(rndgroup=1 from a row in the CT screen table, lung_cancer=1 from cancyr, "
        "last_screen_studyyr=0 from scr_res0-2, canc_rpt_link=1, can_scr=1, cancyr=0)"
    )
    assert (by_id["200006_T0"].time_days, by_id["200006_T0"].event) == (688, False)
    for sentence in (
        "12 series were chosen from 24 of 12 exams",
        "Series skipped: 12 localizers.",
        "2 exam(s): label 1, lung cancer found by the T0 screen.",
        "2 exam(s): label 0, no lung cancer, last screen at T0.",
        "1 exam(s): no label, no lung cancer, last screen after T0.",
        "3 exam(s): no label, lung cancer found otherwise or later.",
        "3 exam(s) of T1 are left out: rule=screen does not use them.",
        "In 8 exam(s) rndgroup is derived from a row in the CT screen table.",
    ):
        assert any(sentence in note for note in cohort.notes), sentence


def test_diameters_from_public_tables(root, cache, public):
    cohort = nlst_cohort(root, cache, tables=public, rule="risk")
    sizes = {sample.sample_id: sample.diameter_mm for sample in cohort.samples}
    assert sizes["100001_T0"] == 23  # the larger of two; other findings do not count
    assert sizes["100002_T0"] == 0  # read, and another finding only
    assert sizes["100002_T1"] == 8
    assert sizes["100003_T0"] is None  # a nodule that was not measured
    assert sizes["200004_T0"] == 0  # read, and nothing found
    (public / "nlst_780_screen_idc_20210527.csv").unlink()
    samples = nlst_cohort(root, cache, tables=public).samples
    sizes = {sample.sample_id: sample.diameter_mm for sample in samples}
    assert sizes["200004_T0"] is None  # no table says that it was read


def test_the_screen_rule_from_the_restricted_file(root, cache, restricted):
    cohort = nlst_cohort(root, cache, tables=restricted)
    assert labels(cohort) == SCREEN | {"200006_T0": None}  # of the other arm
    assert not any("derived" in note for note in cohort.notes)
    assert "There is no ctab table: no diameter is known." in cohort.notes
    assert cohort.samples[0].diameter_mm is None
    assert " from " not in cohort.samples[0].label_source


def test_the_risk_rule_from_public_tables(root, cache, public):
    cohort = nlst_cohort(root, cache, tables=public, rule="risk")
    assert labels(cohort) == {
        "100001_T0": 1,
        "100002_T0": 1,
        "100002_T1": 1,
        "100003_T0": 1,
        "100007_T0": 1,  # its T1 scan came after the diagnosis and is dropped
        "100008_T0": 0,  # 2,300 days: after six years
        "200004_T0": 0,
        "200005_T0": 0,  # 1,980 days
        "200005_T1": None,  # 1,610 days: under five years
        "200005_T2": None,
        "200006_T0": None,
    }
    times = {sample.sample_id: (sample.time_days, sample.event) for sample in cohort.samples}
    assert times["100002_T0"] == (450, True)
    assert times["100002_T1"] == (60, True)
    assert times["100008_T0"] == (2300, True)
    assert times["200005_T1"] == (1610, False)
    assert any("dropped, the scan came after the diagnosis" in note for note in cohort.notes)
    assert "In 5 exam(s) fup_days is derived from canc_free_days." in cohort.notes


def test_the_risk_rule_from_the_restricted_file(root, cache, restricted):
    cohort = nlst_cohort(root, cache, tables=restricted, rule="risk")
    times = {sample.sample_id: (sample.time_days, sample.event) for sample in cohort.samples}
    assert times["200005_T1"] == (1710, False)
    assert times["200004_T0"] == (2550, False)
    assert not any("derived" in note for note in cohort.notes)


ALL, FREE = [1] * 6, [0] * 6
# y, y_seq and y_mask of each exam, by hand; other exams are dropped
TARGETS = {
    # cancer within the horizon: 90, 450, 60, 290 and 49 days after the scan
    "100001_T0": (1, ALL, [1, 0, 0, 0, 0, 0]),
    "100002_T0": (1, [0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]),
    "100002_T1": (1, ALL, [1, 0, 0, 0, 0, 0]),
    "100003_T0": (1, ALL, [1, 0, 0, 0, 0, 0]),
    "100007_T0": (1, ALL, [1, 0, 0, 0, 0, 0]),
    # cancer after it, and no cancer: free through all years
    "100008_T0": (0, FREE, ALL),
    "200004_T0": (0, FREE, ALL),
    # followed for 1,980, 1,610 and 1,250 days: into years 6, 5 and 4
    "200005_T0": (0, FREE, ALL),
    "200005_T1": (0, FREE, [1, 1, 1, 1, 1, 0]),
    "200005_T2": (0, FREE, [1, 1, 1, 1, 0, 0]),
    # for 688 days: into year 2
    "200006_T0": (0, FREE, [1, 1, 0, 0, 0, 0]),
}


def targets(sample):
    """Return y, y_seq and y_mask from a sample's time, as in training; None if it is unknown."""
    if sample.time_days is None:
        return None
    days = (sample.time_days, None) if sample.event else (None, sample.time_days)
    y, y_seq, mask = risk_targets(*days)
    return y, y_seq.tolist(), mask.tolist()


def test_targets_of_each_exam_are_those_worked_out_by_hand(
    root, cache, public, restricted, write_table
):
    samples = nlst_cohort(root, cache, tables=public, rule="risk").samples
    assert {sample.sample_id: targets(sample) for sample in samples} == TARGETS
    # the restricted file follows this one 100 days longer, which is into the same years
    samples = nlst_cohort(root, cache, tables=restricted, rule="risk").samples
    assert {sample.sample_id: targets(sample) for sample in samples} == TARGETS
    # if both exist it counts: its fup_days, not canc_free_days
    rows = [row | {"fup_days": 800, "lung_cancer": 0} for row in people() if row["pid"] == "200005"]
    write_table(public / "participant_d040722.csv", rows)
    samples = nlst_cohort(root, cache, tables=public, rule="risk").samples
    assert {sample.sample_id: targets(sample) for sample in samples} == TARGETS | {
        "200005_T0": (0, FREE, [1, 1, 1, 0, 0, 0]),  # 780 days
        "200005_T1": (0, FREE, [1, 1, 0, 0, 0, 0]),  # 410
        "200005_T2": (0, FREE, [1, 0, 0, 0, 0, 0]),  # 50
    }


NO_CANCER = {"canc_rpt_link": 0, "can_scr": 0, "cancyr": ".N", "candx_days": ".N"}
DROPPED = "dropped"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # the scan is on day 10: cancer on the day of the scan, on the last of a year, on the next
        ({"candx_days": 10}, (1, ALL, [1, 0, 0, 0, 0, 0])),
        ({"candx_days": 374}, (1, ALL, [1, 0, 0, 0, 0, 0])),
        ({"candx_days": 375}, (1, [0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0])),
        # on the last day of the horizon and on the next
        ({"candx_days": 2199}, (1, [0, 0, 0, 0, 0, 1], ALL)),
        ({"candx_days": 2200}, (0, FREE, ALL)),
        # before the scan
        ({"candx_days": 9}, DROPPED),
        # regardless of follow-up
        ({"candx_days": 800, "fup_days": ".M", "canc_free_days": ".M"},
         (1, [0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0])),
        ({"candx_days": 2400, "fup_days": 400, "canc_free_days": 400}, (0, FREE, ALL)),
        # no cancer: the end of follow-up from the restricted column, else from the public one
        (NO_CANCER | {"fup_days": 740, "canc_free_days": 700}, (0, FREE, [1, 1, 1, 0, 0, 0])),
        (NO_CANCER | {"fup_days": ".M", "canc_free_days": 700}, (0, FREE, [1, 1, 0, 0, 0, 0])),
        (NO_CANCER | {"canc_free_days": 374}, (0, FREE, [1, 0, 0, 0, 0, 0])),
        (NO_CANCER | {"canc_free_days": 1835}, (0, FREE, ALL)),
        (NO_CANCER | {"canc_free_days": 10}, (0, FREE, [1, 0, 0, 0, 0, 0])),
        # an end of follow-up before the scan, or in no table
        (NO_CANCER | {"canc_free_days": 9}, DROPPED),
        (NO_CANCER | {"fup_days": 9, "canc_free_days": 2000}, DROPPED),
        (NO_CANCER | {"canc_free_days": ".M"}, None),
        (NO_CANCER | {"fup_days": ".M", "canc_free_days": ".N"}, None),
        # the day of the scan, or the presence of cancer, is in no table
        ({"scr_days0": ".N"}, None),
        ({"scr_days0": ".E"}, DROPPED),
        ({"candx_days": ".N"}, None),
        (NO_CANCER | {"conflc": 3, "fup_days": 2000}, None),
        (NO_CANCER | {"conflc": 2, "fup_days": 2000}, (0, FREE, ALL)),
    ],
)  # fmt: skip
def test_targets_of_each_branch(root, cache, tmp_path, write_table, change, expected):
    # another participant keeps the cohort from being empty
    rows = [people()[0] | {"scr_days0": 10} | change, people()[3]]
    write_table(tmp_path / "t" / "prsn.csv", rows)
    samples = nlst_cohort(root, cache, tables=tmp_path / "t", rule="risk").samples
    result = {sample.sample_id: targets(sample) for sample in samples}
    assert result.get("100001_T0", DROPPED) == expected


def test_several_participant_files_are_joined(root, cache, public, restricted, write_table):
    (restricted / "participant_d040722.csv").rename(public / "a.csv")
    cohort = nlst_cohort(root, cache, tables=public, features=["pkyr", "age"])
    assert labels(cohort) == SCREEN | {"200006_T0": None}
    assert "a.csv, row 2; nlst_780_prsn_idc_20210527.csv, row 2" in cohort.samples[0].label_source
    assert cohort.samples[0].features == {"pkyr": 40.5, "age": 60}
    write_table(public / "b.csv", [{"pid": "100001", "age": 99, "can_scr": 1}])
    cohort = nlst_cohort(root, cache, tables=public, features=["age"])
    assert cohort.samples[0].features == {"age": 60}
    assert any("For 1 participant(s) two files differ" in note for note in cohort.notes)


def test_features_are_read_from_person_exam_and_nodule(root, cache, public):
    names = ["age", "techpara_kvp", "sct_long_dia", "sct_margins"]
    cohort = nlst_cohort(root, cache, tables=public, rule="risk", features=names)
    by_id = {sample.sample_id: sample.features for sample in cohort.samples}
    complete = {"age": 60, "techpara_kvp": 120, "sct_long_dia": 23, "sct_margins": 2}
    assert by_id["100001_T0"] == complete
    assert by_id["200005_T2"] == {"age": 64, "techpara_kvp": 122}
    assert "Feature sct_margins empty in 9 exam(s)." in cohort.notes


def test_outcomes_and_unknown_columns_are_refused_as_features(root, cache, public):
    with pytest.raises(InputError, match="cancyr reveals the outcome"):
        nlst_cohort(root, cache, tables=public, features=["age", "cancyr"])
    with pytest.raises(InputError, match="no NLST table has a column shoe_size"):
        nlst_cohort(root, cache, tables=public, features=["shoe_size"])


def test_tables_of_other_exports_give_the_same_labels(root, cache, tmp_path, public, write_table):
    """Check tables as from BigQuery: empty, not .N; numbers as text; upper case; both IDs."""
    expected = nlst_cohort(root, cache, tables=public, rule="risk")
    folder = tmp_path / "other"
    rows = []
    for row in people():
        values = {name.upper(): "" if str(v)[0] == "." else f"{v}.0" for name, v in row.items()}
        values["PID"] = row["pid"]
        rows.append(values | {"DICOM_PATIENT_ID": row["pid"]})
    write_table(folder / "prsn.csv", rows)
    cohort = nlst_cohort(root, cache, tables=folder, rule="risk")
    # without the code it is unknown that this scan came after the diagnosis
    assert labels(cohort) == labels(expected) | {"100007_T1": None}
    times = {sample.sample_id: (sample.time_days, sample.event) for sample in cohort.samples}
    for sample in expected.samples:
        assert times[sample.sample_id] == (sample.time_days, sample.event)


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({}, 1),
        ({"conflc": 1}, 1),
        ({"conflc": 2}, 0),
        ({"conflc": 3}, None),
        ({"conflc": 0, "last_screen_studyyr": 1}, None),
        ({"lung_cancer": 0}, 0),
        ({"lung_cancer": ".M"}, 1),
        ({"rndgroup": 2}, None),
        ({"canc_rpt_link": ".M"}, None),
        ({"canc_rpt_link": 0}, None),
        ({"can_scr": 2}, None),
        ({"cancyr": 1}, None),
        ({"cancyr": ".N", "candx_days": ".N", "can_scr": 0}, 0),
        ({"cancyr": ".N", "candx_days": ".N", "can_scr": 0, "scr_res1": 10}, None),
        ({"cancyr": ".N", "candx_days": ".N", "can_scr": 0, "scr_res1": 17}, 0),
        (
            {"cancyr": ".N", "candx_days": ".N", "can_scr": 0, "scr_res2": ".N", "scr_days2": 7},
            None,
        ),
        ({"cancyr": ".N", "candx_days": ".N", "can_scr": 0, "scr_res0": 15}, None),
        ({"cancyr": ".M", "candx_days": ".M", "can_scr": ".M"}, None),
    ],
)
def test_each_branch_of_the_screen_rule(root, cache, tmp_path, write_table, change, label):
    write_table(tmp_path / "t" / "prsn.csv", [people()[0] | change])
    cohort = nlst_cohort(root, cache, tables=tmp_path / "t")
    assert labels(cohort) == {"100001_T0": label}
    assert any(
        "left out: their participant is in no participant table" in note for note in cohort.notes
    )


@pytest.mark.parametrize(
    ("change", "label", "source"),
    [
        ({"scr_days0": ".W"}, None, "scr_days0 .W (wrong screen administered)"),
        ({"candx_days": ".N"}, None, "lung cancer not ruled out, candx_days .N"),
        ({"candx_days": 2200}, 0, "known free into year 6"),
        ({"canc_free_days": ".M"}, 1, "lung cancer within 6 years"),
        ({"lung_cancer": 0, "candx_days": ".N", "canc_free_days": ".M"}, None, "follow-up .M"),
        ({"lung_cancer": 0, "candx_days": ".N", "canc_free_days": 1834}, None, "censored"),
        ({"lung_cancer": 0, "candx_days": ".N", "canc_free_days": 1835}, 0, "known free"),
        ({"fup_days": 2000, "lung_cancer": 0, "candx_days": ".N"}, 0, "known free"),
    ],
)
def test_each_branch_of_the_risk_rule(root, cache, tmp_path, write_table, change, label, source):
    write_table(tmp_path / "t" / "prsn.csv", [people()[0] | change])
    (sample,) = nlst_cohort(root, cache, tables=tmp_path / "t", rule="risk").samples
    assert sample.label == label
    assert source in sample.label_source


def test_a_scan_after_the_end_of_follow_up_is_dropped(root, cache, tmp_path, write_table):
    rows = people()
    rows[3]["canc_free_days"] = -1
    write_table(tmp_path / "t" / "prsn.csv", rows)
    cohort = nlst_cohort(root, cache, tables=tmp_path / "t", rule="risk")
    assert "200004_T0" not in labels(cohort)
    assert nlst_cohort(root, cache, tables=tmp_path / "t").samples[5].time_days is None


def test_a_bad_row_is_left_out_with_a_note(root, cache, tmp_path, write_table):
    rows = people()
    rows[0]["cancyr"] = "zero"
    write_table(tmp_path / "t" / "prsn.csv", [*rows, rows[1]])
    cohort = nlst_cohort(root, cache, tables=tmp_path / "t")
    assert labels(cohort) == {k: v for k, v in SCREEN.items() if k != "100001_T0"}
    assert any(
        "1 exam(s) with bad values are left out" in note and "prsn.csv, row 2: cancyr is" in note
        for note in cohort.notes
    )
    assert "1 participant row(s) repeat a participant; the first counts." in cohort.notes
    assert not any(str(tmp_path) in note or str(root) in note for note in cohort.notes)


def test_unreadable_and_empty_tables_are_noted(root, cache, public):
    (public / "notes.csv").write_bytes(b"\xff\xfe\x00bad")
    (public / "nlst_780_ctab_idc_20210527.csv").write_text("pid,study_yr,sct_ab_desc\n")
    cohort = nlst_cohort(root, cache, tables=public)
    assert labels(cohort) == SCREEN
    assert "notes.csv cannot be read as a CSV table in UTF-8 and is left out." in cohort.notes
    assert "nlst_780_ctab_idc_20210527.csv has no row." in cohort.notes


def test_wrong_settings_are_refused_in_one_line(root, cache, tmp_path, public, write_table):
    def refused(match, folder, tables, **settings):
        with pytest.raises(InputError, match=match) as error:
            nlst_cohort(folder, cache, tables=tables, **settings)
        assert "\n" not in str(error.value)

    refused("data.rule is 'seed'; set it to screen or risk", root, public, rule="seed")
    refused("no such folder; give the one with NLST's CSV", root, tmp_path / "no")
    refused("no such folder; give the folder of the DICOM", tmp_path / "no", public)
    refused("no NLST participant table", root, root)
    (tmp_path / "none").mkdir()
    refused("no exam is left", tmp_path / "none", public)
    write_table(tmp_path / "few" / "p.csv", [{"pid": 100001, "age": 60, "can_scr": 1}])
    refused("no column canc_rpt_link, cancyr, last_screen", root, tmp_path / "few")
    refused("no column candx_days, fup_days or canc", root, tmp_path / "few", rule="risk")
    write_table(tmp_path / "else" / "p.csv", [dict(people()[0], pid=100099)])
    refused("12 exam.s. are left out: their participant is in no", root, tmp_path / "else")


def test_series_of_other_people_change_nothing(root, cache, public, write_series):
    before = nlst_cohort(root, cache, tables=public)
    write_series(root, "555555", 0, "1", PatientID="MUSTERMANN")
    after = nlst_cohort(root, cache, tables=public)
    assert [dataclasses.astuple(sample) for sample in after.samples] == [
        dataclasses.astuple(sample) for sample in before.samples
    ]
    assert any("1 without an NLST participant" in note for note in after.notes)


WRONG = (1, 1.5, [1], {"a": 1}, None, True, float("nan"), "")
RIGHT = {"tables": (None,), "nodules": (None,)}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key in inspect.signature(nlst_cohort).parameters
        for value in (*WRONG, *(["x"] if key in ("rule", "features") else []))
        if not (value is None and None in RIGHT.get(key, ()))
    ],
)
def test_a_setting_of_a_wrong_type_is_refused_with_its_key(root, cache, public, key, value):
    settings = {"root": root, "cache": cache, "tables": public} | {key: value}
    with pytest.raises(InputError, match=rf"data\.{key}\b") as error:
        nlst_cohort(**settings)
    assert "\n" not in str(error.value)


def test_a_single_word_is_a_list_of_length_1(root, cache, public):
    cohort = nlst_cohort(root, cache, tables=public, kernels="STANDARD", features="age")
    assert any("by kernel (STANDARD), then least" in note for note in cohort.notes)
    assert {name for sample in cohort.samples for name in sample.features} == {"age"}


def test_a_table_of_the_user_does_not_hide_the_trials(root, cache, public, tmp_path, write_table):
    tree = tmp_path / "place" / "tree"
    tree.parent.mkdir()
    tree.symlink_to(root)
    public.rename(tmp_path / "place" / "tables")
    write_table(tmp_path / "place" / "mine.csv", [{"pid": 100001, "age": 60, "bmi": 25}])
    write_table(tmp_path / "place" / "more.csv", [{"pid": 100001, "lung_cancer": 1}])
    assert labels(nlst_cohort(tree, cache)) == SCREEN
    (tmp_path / "place" / "more.csv").unlink()
    assert tables_near(tree) == tmp_path / "place" / "tables"


@pytest.mark.parametrize("location", [".", "tables", "..", "../tables"])
def test_tables_are_found_in_the_tree_or_next_to_it(tmp_path, location):
    root = tmp_path / "place" / "tree"
    folder = (root / location).resolve()
    folder.mkdir(parents=True)
    root.mkdir(exist_ok=True)
    (folder / "other.csv").write_text("a,b\n1,2\n")
    assert tables_near(root) == root
    (folder / "prsn.csv").write_text("pid,can_scr,cancyr\n100001,0,.N\n")
    assert tables_near(root).resolve() == folder
