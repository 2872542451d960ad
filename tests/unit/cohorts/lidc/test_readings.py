"""Readings from XML files, folders and archives: read, skipped or refused."""

import io
import tarfile

import numpy as np
import pytest

from lungcam.cohorts.lidc import read_readings
from lungcam.errors import InputError

SQUARE = [(3, 4), (8, 4), (8, 9), (3, 9)]


@pytest.fixture
def good(message, mark, roi):
    """Return a file of two readers; the first marked a nodule with two outlines."""
    marks = [mark([roi(SQUARE, -12.5, "1.9"), roi(SQUARE[:3], -10, "1.8", False)], 4, "Nodule 7")]
    return message("1.2.77", [marks, []]).encode()


def test_all_fields_of_a_file_are_read(tmp_path, good):
    (tmp_path / "069.xml").write_bytes(good)
    result = read_readings(tmp_path / "069.xml")
    (reading,) = result.readings.values()
    assert (reading.file_name, reading.series_uid, reading.study_uid) == (
        "069.xml",
        "1.2.77",
        "1.2.3",
    )
    (annotation,) = reading.annotations
    assert (annotation.reader, annotation.nodule_id) == (1, "Nodule 7")
    assert annotation.ratings["malignancy"] == 4
    assert len(annotation.ratings) == 9
    outer, hole = annotation.contours
    assert (outer.z_mm, outer.sop_uid, outer.included) == (-12.5, "1.9", True)
    assert np.array_equal(outer.points, SQUARE)
    assert not hole.included
    assert result.notes == []


def test_marks_under_3_mm_or_without_ratings_are_counted_and_skipped(
    tmp_path, message, mark, roi, good
):
    one_point = roi([(5, 5)], 0)
    sessions = [
        [mark([one_point]), mark([one_point]), mark([roi(SQUARE, 0)], 0)],
        [mark([roi(SQUARE, 0)], 3, texture=0), mark([one_point], 5)],
        [mark([one_point, roi(SQUARE, 2)], 2), mark([roi([("x", 1), (2, 2)], 0)], 2)],
    ]
    (tmp_path / "a.xml").write_text(message("1.2", sessions))
    result = read_readings(tmp_path)
    (annotation,) = result.readings["1.2"].annotations
    assert annotation.reader == 3
    assert [contour.z_mm for contour in annotation.contours] == [2]
    (note,) = result.notes
    for count in (
        "2 mark(s) without ratings",
        "2 mark(s) with a rating of 0",
        "2 outline(s) of one point",
        "2 rated mark(s) without an outline",
        "1 outline(s) with a value that is not a number",
    ):
        assert count in note


def test_chest_x_rays_foreign_and_damaged_files_are_noted_and_skipped(tmp_path, good, message):
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    (deep / "good.XML").write_bytes(good)
    (deep / "xray.xml").write_text(message("1.5", [], root="IdriReadMessage"))
    (deep / "voc.xml").write_text("<annotation/>")
    (deep / "cut.xml").write_bytes(good[:-30])
    (deep / "nameless.xml").write_text(message("", []))
    (deep / "readme.txt").write_text("<")
    result = read_readings(tmp_path)
    assert list(result.readings) == ["1.2.77"]
    notes = " ".join(result.notes)
    assert "1 XML file(s) of chest X-rays" in notes
    assert "1 XML file(s) of another kind" in notes
    assert "2 damaged XML file(s)" in notes
    assert "deep/er/cut.xml is not well-formed XML" in notes
    assert "deep/er/nameless.xml names no series" in notes


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    '<LidcReadMessage xmlns="http://www.nih.gov"><x>&b;</x></LidcReadMessage>'
)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (BOMB.encode(), "declares a DOCTYPE or an entity"),
        (BOMB.encode("utf-16"), "is not in UTF-8"),
        (b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE', "is not well-formed XML"),
        (b"", "is not well-formed XML"),
        (b" " * (17 << 20), "far too large"),
    ],
    ids=["entities", "utf-16", "utf-7", "empty", "huge"],
)
def test_a_malicious_file_is_never_parsed(tmp_path, content, error):
    (tmp_path / "bad.xml").write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.xml .*{error}") as caught:
        read_readings(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_file_with_most_annotations_of_a_series_is_used(tmp_path, message, mark, roi):
    first, second = [mark([roi(SQUARE, 0)], 3)], [mark([roi(SQUARE, 0)], 4)]
    (tmp_path / "a.xml").write_text(message("1.2", [first]))
    (tmp_path / "b.xml").write_text(message("1.2", [first, second]))
    (tmp_path / "c.xml").write_text(message("1.2", [second, first]))
    (tmp_path / "d.xml").write_text(message("1.3", []))
    result = read_readings(tmp_path)
    assert [reading.file_name for reading in result.readings.values()] == ["b.xml", "d.xml"]
    assert any("2 XML file(s) that repeat 1 series" in note for note in result.notes)


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz"])
def test_an_archive_gives_the_same_readings_as_its_folder(tmp_path, good, message, suffix):
    archive = tmp_path / f"all.{suffix}"
    with tarfile.open(archive, f"w:{suffix.partition('.')[2]}") as packed:
        for name, content in (("x/1.xml", good), ("x/2.xml", message("1.4", []).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    result = read_readings(archive)
    assert list(result.readings) == ["1.2.77", "1.4"]
    assert result.readings["1.2.77"].file_name == "1.xml"
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(archive.read_bytes()[:150])
    with pytest.raises(InputError, match=r"cut\.tar.*"):
        read_readings(cut)


def test_a_wrong_source_is_named_with_a_remedy(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such file or folder; check"):
        read_readings(tmp_path / "nowhere")
    (tmp_path / "x.zip").write_text("")
    with pytest.raises(InputError, match=r"x\.zip: neither a folder nor one of \.xml"):
        read_readings(tmp_path / "x.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: there is no LIDC-IDRI reading .*give a folder"):
        read_readings(tmp_path / "empty")
