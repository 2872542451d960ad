"""What lies in a copy of LUNA16."""

import shutil

import pytest

from lungcam.cohorts.luna16.folder import look_through
from lungcam.errors import InputError


def test_the_subset_is_the_fold_at_any_depth(luna, tmp_path):
    luna({"1.2.3": (7, None), "1.2.4": (0, None)})
    luna({"1.2.5": (3, None)}, tmp_path / "more" / "subset9")
    luna({"1.2.6": (None, None)})
    found = look_through(tmp_path)
    assert {uid: scan.fold for uid, scan in found.scans.items()} == {
        "1.2.4": 0,
        "1.2.5": 3,
        "1.2.3": 7,
        "1.2.6": None,
    }
    assert list(found.scans) == ["1.2.4", "1.2.5", "1.2.3", "1.2.6"]
    assert found.notes == ("1 scan(s) lie in no folder subset0 to subset9 and have no fold.",)


def test_one_subset_may_be_the_root_with_the_tables_beside(luna, tmp_path, table):
    root = luna({"1.2.3": (4, None)}) / "subset4"
    table(tmp_path / "annotations.csv", "diameter_mm", [("1.2.3", 0, 0, 0, 5)])
    found = look_through(root)
    assert found.scans["1.2.3"].fold == 4
    assert found.table("annotations.csv") == tmp_path / "annotations.csv"


def test_lung_masks_of_the_same_names_are_no_scans(luna, tmp_path):
    luna({"1.2.3": (0, None)})
    shutil.copytree(tmp_path / "subset0", tmp_path / "seg-lungs-LUNA16")
    found = look_through(tmp_path)
    assert found.scans["1.2.3"].image == tmp_path / "subset0" / "1.2.3.mhd"
    assert found.notes == ()


def test_the_table_nearest_to_the_root_is_taken(luna, tmp_path, table):
    luna({"1.2.3": (0, None)})
    (tmp_path / "evaluationScript" / "annotations").mkdir(parents=True)
    deep = tmp_path / "evaluationScript" / "annotations"
    for folder in (deep, tmp_path):
        table(folder / "annotations.csv", "diameter_mm", [("1.2.3", 0, 0, 0, 5)])
    table(deep / "annotations_excluded.csv", "diameter_mm", [("1.2.3", 0, 0, 0, -1)])
    found = look_through(tmp_path)
    assert found.tables == {
        "annotations.csv": tmp_path / "annotations.csv",
        "annotations_excluded.csv": deep / "annotations_excluded.csv",
    }
    with pytest.raises(InputError, match=r"no candidates_V2\.csv below or beside it; copy it"):
        found.table("candidates_V2.csv")


def test_faulty_and_repeated_scans_are_left_out_and_told(luna, tmp_path):
    luna({"1.2.3": (0, None), "1.2.4": (0, None), "1.2.5": (1, None)})
    luna({"1.2.5": (2, None)})
    (tmp_path / "subset0" / "1.2.4.raw").unlink()
    (tmp_path / "subset0" / "notes.mhd").write_text("not a scan")
    found = look_through(tmp_path)
    assert list(found.scans) == ["1.2.3", "1.2.5"]
    assert found.scans["1.2.5"].fold == 1
    faulty, repeated = found.notes
    assert faulty.startswith("1 scan(s) left out, the first is ")
    assert "1.2.4.raw, is missing beside it" in faulty
    assert repeated == "1 file(s) repeat a scan and are left out."


def test_nothing_usable_names_the_remedy(luna, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such folder; set data\.root"):
        look_through(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no scan <series UID>\.mhd lies below it; unpack"):
        look_through(tmp_path)
    luna({"1.2.3": (0, None)})
    (tmp_path / "subset0" / "1.2.3.raw").unlink()
    with pytest.raises(InputError, match=r"1\.2\.3\.raw, is missing beside it; copy it too"):
        look_through(tmp_path)


def test_names_are_short_where_that_tells_scans_apart(luna, tmp_path):
    luna({"9.1234567890123": (0, None), "9.8234567890123": (0, None), "9.1111567890124": (0, None)})
    luna({"1.2.3": (0, None)})
    assert look_through(tmp_path).names == {
        "9.1234567890123": "9.1234567890123",
        "9.8234567890123": "9.8234567890123",
        "9.1111567890124": "111567890124",
        "1.2.3": "1.2.3",
    }
