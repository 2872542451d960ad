"""Several classes from a table's column."""

from pathlib import Path

import pytest

from lungcam.cohorts.table import read_samples, table_cohort
from lungcam.cohorts.table.classes import ClassValues, file_name
from lungcam.errors import InputError

WORDS = (
    "image,label,age\na.nii,squamous,60\nb.nii,adeno,61\nc.nii,benign,62\nd.nii,other,63\ne.nii,,\n"
)
RATED = "image,malignancy\na.nii,1\nb.nii,3\nc.nii,4.5\nd.nii,2.5\n"
RANGES = {"benign": [1, 2], "unclear": 3, "malignant": [4, 5]}


@pytest.fixture
def words(tmp_path) -> Path:
    file = tmp_path / "words.csv"
    file.write_text(WORDS)
    return file


@pytest.fixture
def rated(tmp_path) -> Path:
    file = tmp_path / "rated.csv"
    file.write_text(RATED)
    return file


def test_words_are_classes_in_the_stated_order(words):
    cohort = table_cohort(str(words), {}, classes=["benign", "adeno", "squamous"])
    assert cohort.classes == ("benign", "adeno", "squamous")
    assert [sample.label for sample in cohort.samples] == [2, 1, 0, None, None]
    assert cohort.label_rule == "classes by label: benign, adeno, squamous; others left out"


def test_classes_may_join_words_and_ranges(words, rated):
    joined = {"benign": "benign", "cancer": ["adeno", "squamous"]}
    cohort = table_cohort(str(words), {}, classes=joined)
    assert [sample.label for sample in cohort.samples] == [1, 1, 0, None, None]
    assert "cancer (adeno or squamous)" in cohort.label_rule
    cohort = table_cohort(str(rated), {}, classes=RANGES)
    assert [sample.label for sample in cohort.samples] == [0, 1, 2, None]
    assert "benign (1 to 2), unclear (3), malignant (4 to 5)" in cohort.label_rule


def test_infer_reads_the_same_classes(rated):
    samples, faults = read_samples(rated, {}, classes=RANGES)
    assert [sample.label for sample in samples] == [0, 1, 2, None]
    assert faults == []


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("benign", r"^data\.classes=benign: list the classes"),
        (["benign"], "name two different classes or more"),
        (["benign", "benign"], "name two different classes or more"),
        ({"a": [1, 3], "b": [3, 5]}, r"^data\.classes: a and b overlap"),
        ({"a": [1, 3], "b": "word"}, r"^data\.classes: a and b overlap"),
        ({"a": [3, 1], "b": 4}, r"^data\.classes\.a=\[3, 1\]"),
        (["a b", "a/b"], "two of the names would name one file"),
        (["benign", "begnin"], r"^data\.classes: no row is of class begnin; correct it\.$"),
    ],
)
def test_wrong_classes_are_refused_in_one_line(words, classes, message):
    with pytest.raises(InputError, match=message) as caught:
        table_cohort(str(words), {}, classes=classes)
    assert "\n" not in str(caught.value)


def test_classes_and_two_labels_exclude_each_other(words):
    with pytest.raises(InputError, match=r"^data\.classes: it is another rule"):
        table_cohort(
            str(words), {}, classes=["benign", "adeno"], negative="benign", positive="adeno"
        )


def test_a_value_that_is_no_number_is_a_faulty_row(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("image,malignancy\na.nii,1\nb.nii,high\nc.nii,5\n")
    cohort = table_cohort(str(file), {}, classes={"low": [1, 2], "high": [4, 5]})
    assert [sample.label for sample in cohort.samples] == [0, 1]
    assert "row 3: malignancy is 'high', not a number" in cohort.notes[0]


def test_names_of_files():
    assert file_name("squamous cell, G2") == "squamous_cell_G2"
    rule = ClassValues.choose("x", {"not a file?": 1, "b": 2})
    assert rule.names == ("not a file?", "b")


def test_a_column_of_numbers_is_read_and_needs_no_label(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("image,volume\na.nii,1.5\nb.nii,\n")
    cohort = table_cohort(str(file), {"number": "volume"}, unit="ml")
    assert [sample.number for sample in cohort.samples] == [1.5, None]
    assert cohort.quantity.title == "volume (ml)"
    with pytest.raises(InputError, match=r"data\.features: volume is read already"):
        table_cohort(str(file), {"number": "volume"}, features=["volume"])
    with pytest.raises(InputError, match="there is no column `label`"):
        table_cohort(str(file), {})
