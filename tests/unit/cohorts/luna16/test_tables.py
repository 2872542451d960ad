"""Tables of LUNA16: coordinates, bad rows and unusable tables."""

import numpy as np
import pytest

from lungcam.cohorts.luna16.tables import read_points
from lungcam.errors import InputError


def any_number(_value: float) -> bool:
    return True


def test_points_are_converted_from_lps_to_ras(tmp_path, table):
    file = tmp_path / "annotations.csv"
    table(file, "diameter_mm", [("1.2", -128.7, -175.3, -298.4, 5.65), ("1.3", 1, 2, 3, 4)])
    points = read_points(file, "diameter_mm", valid=any_number)
    assert points.center(0) == (128.7, 175.3, -298.4)
    assert points.values.tolist() == [5.65, 4]
    assert points.source(1) == "annotations.csv, row 3"
    assert points.notes == []


def test_points_of_a_scan_keep_the_tables_order(tmp_path, table):
    file = tmp_path / "candidates.csv"
    table(file, "class", [(uid, 0, 0, z, 0) for z, uid in enumerate(("1.2", "1.3", "1.2"))])
    points = read_points(file, "class", valid=any_number)
    assert points.of("1.2").tolist() == [0, 2]
    assert points.of("1.9").tolist() == []


def test_columns_can_be_in_any_order(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("\ufeffclass,coordZ,extra, coordY ,coordX,seriesuid\n1,3,x,2,1,1.2\n")
    points = read_points(file, "class", valid=any_number)
    assert np.allclose(points.centers_mm, [[-1, -2, 3]])
    assert points.uids == ["1.2"]


def test_bad_rows_are_left_out_with_a_note(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text(
        "seriesuid,coordX,coordY,coordZ,class\n1.2,1,2,3,1\n1.2,1,two,3,1\n1.2,1,2\n\n"
        "1.2,nan,2,3,0\n,1,2,3,0\n1.2,1,2,3,7\n1.3,1,2,3,0\n"
    )
    points = read_points(file, "class", valid=lambda label: label in (0, 1))
    assert points.uids == ["1.2", "1.3"]
    assert points.rows.tolist() == [2, 9]
    (note,) = points.notes
    assert note.startswith("t.csv: 5 row(s)")
    assert "such as row 3" in note


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seriesuid,coordX,coordY,diameter_mm\n", "no column coordZ, class; it has"),
        ("seriesuid,coordX,coordY,coordZ,class\n", "holds no point"),
        ("seriesuid,coordX,coordY,coordZ,class\n1.2,,,,\n", "holds no point"),
        ("", "no column seriesuid"),
    ],
)
def test_an_unusable_table_is_named(tmp_path, text, message):
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=rf"t\.csv: .*{message}"):
        read_points(file, "class", valid=any_number)


def test_a_binary_table_is_named(tmp_path):
    file = tmp_path / "t.csv"
    file.write_bytes(b"\xff\xfe\x00\x01" * 9)
    with pytest.raises(InputError, match=r"t\.csv: cannot be read as a CSV table"):
        read_points(file, "class", valid=any_number)
