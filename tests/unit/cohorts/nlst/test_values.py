"""Values of NLST's tables and their typed missing values."""

from pathlib import Path

import pytest

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.nlst import Missing, value
from lungcam.errors import InputError


def row(text: str) -> Row:
    return Row(Path("prsn.csv"), 7, {"x": text})


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("51", 51), ("-3", -3), ("12.0", 12), ("2.5", 2.5), ("1e3", 1000)],
)
def test_numbers_are_read_as_int_or_float(text, number):
    result = value(row(text), "x")
    assert result == number
    assert type(result) is type(number)


@pytest.mark.parametrize("code", [".N", ".E", ".W", ".M", ".F", ".n", "._"])
def test_the_code_of_a_missing_value_is_kept(code):
    assert value(row(code), "x") == Missing(code.upper())


@pytest.mark.parametrize("text", ["", ".", "NA", "n/a", "NaN", "null", "<NA>"])
def test_words_for_missing_values_are_empty(text):
    assert value(row(text), "x") == Missing()
    assert value(row("1"), "absent") == Missing()


def test_the_meaning_of_a_code_is_from_the_dictionary():
    assert str(Missing(".E")) == ".E (screen date after lung cancer diagnosis)"
    assert str(Missing(".W")) == ".W (wrong screen administered)"
    assert str(Missing(".N")) == ".N (not applicable or none on record)"
    assert str(Missing()) == "empty"


@pytest.mark.parametrize("text", ["x", ".NN", "1,5", "inf"])
def test_other_text_is_refused(text):
    with pytest.raises(InputError, match=r"prsn.csv: row 7: x is .*, not a number; correct it"):
        value(row(text), "x")
