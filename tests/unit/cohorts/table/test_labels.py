"""Labels from values: defaults, ranges, words and invalid settings."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.table import LabelValues
from lungcam.errors import InputError


def row(text: str, column: str = "grade") -> Row:
    return Row(Path("scans.csv"), 7, {column: text})


def labels(rule: LabelValues, *texts: str) -> list[int | None]:
    return [rule.label(row(text, rule.column)) for text in texts]


def test_a_column_holds_0_and_1_by_default():
    rule = LabelValues.choose("label")
    assert labels(rule, "0", "1", "0.0", "1.0", "") == [0, 1, 0, 1, None]
    assert rule.sentence == "label 1: label 1; 0: 0"


@pytest.mark.parametrize("text", ["2", "-1", "0.5"])
def test_another_number_in_a_column_of_0_and_1_is_refused(text):
    with pytest.raises(InputError) as error:
        LabelValues.choose("label").label(row(text, "label"))
    assert str(error.value) == (
        f"scans.csv: row 7: label is {text}, neither 0 nor 1; correct it, or give data.negative "
        "and data.positive."
    )


def test_a_word_in_a_column_of_numbers_is_refused():
    with pytest.raises(InputError, match=r"scans\.csv: row 7: label is 'yes', not a number"):
        LabelValues.choose("label").label(row("yes", "label"))


def test_malignancy_is_a_scale_from_1_to_5_by_default():
    rule = LabelValues.choose("malignancy")
    assert labels(rule, "1", "2", "3", "4", "5", "2.5") == [0, 0, None, 1, 1, None]
    assert rule.sentence == "label 1: malignancy 4 to 5; 0: 1 to 2; others left out"


def test_ranges_are_closed():
    rule = LabelValues.choose("grade", negative=[0, 2.5], positive=[3, 3])
    texts = ("-0.1", "0", "2.5", "2.50001", "3", "3.0", "3.1", "")
    assert labels(rule, *texts) == [None, 0, 0, None, 1, 1, None, None]
    assert rule.sentence == "label 1: grade 3; 0: 0 to 2.5; others left out"


def test_labels_can_be_words():
    rule = LabelValues.choose("grade", negative=["benign", "none"], positive=["malignant"])
    assert labels(rule, "benign", "none", "malignant", "unsure", "") == [0, 0, 1, None, None]
    assert rule.sentence == "label 1: grade malignant; 0: benign or none; others left out"


def test_quoted_digits_are_words():
    rule = LabelValues.choose("grade", negative=["0", "IIa"], positive=["1"])
    assert labels(rule, "0", "IIa", "1", "1.0") == [0, 0, 1, None]


def test_a_single_word_or_number_is_a_list_of_length_1():
    """Check the settings as a user types them: data.negative=no data.positive=yes."""
    assert labels(LabelValues.choose("grade", "no", positive="yes"), "no", "yes", "n") == [
        0,
        1,
        None,
    ]
    assert labels(LabelValues.choose("grade", 1, positive=2), "1", "2", "3") == [0, 1, None]


@given(st.lists(st.integers(-5, 5), min_size=4, max_size=4, unique=True), st.integers(-6, 6))
def test_a_number_has_the_label_of_its_range(ends, value):
    a, b, c, d = sorted(ends)
    rule = LabelValues.choose("grade", [a, b], positive=[c, d])
    expected = 0 if a <= value <= b else 1 if c <= value <= d else None
    assert rule.label(row(str(value))) == expected


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ([0, 2], None),
        (None, ["malignant"]),
        ([0, 2], [2, 3]),
        ([0, 5], [2, 3]),
        (["a", "b"], ["b"]),
        ([0, 1], ["malignant"]),
        ([2, 1], [3, 4]),
        ([0, 1, 2], [3, 4]),
        ([], ["a"]),
        ([0, "a"], ["b"]),
        ([float("nan"), 1], [2, 3]),
    ],
)
def test_invalid_values_are_refused_with_their_keys(negative, positive):
    with pytest.raises(InputError, match=r"data\.(negative|positive)") as error:
        LabelValues.choose("grade", negative, positive=positive)
    assert "\n" not in str(error.value)
