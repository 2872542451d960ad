"""Tests of identifiers that mean none, and of those that differ only in how they are written."""

import pytest

from lungcam.cohorts.identifiers import NOBODY, identifier, lookalike_note, lookalikes


@pytest.mark.parametrize(
    "text", [None, "", " ", "nan", "NaN", "NA", "N/A", "None", "null", "-", "<NA>"]
)
def test_texts_that_mean_none(text):
    assert identifier(text) is None


@pytest.mark.parametrize("text", ["unknown", "ANONYMOUS", "Anonymized"])
def test_texts_in_place_of_a_person(text):
    assert identifier(text, nobody=NOBODY) is None
    assert identifier(text) == text


@pytest.mark.parametrize("text", ["0", "Nana", "none-1", "1.2.3"])
def test_identifiers_stay(text):
    assert identifier(f" {text} ", nobody=NOBODY) == text


def test_lookalikes_differ_in_zeros_decimals_and_case():
    names = [
        "007",
        "7",
        "7.0",
        "8",
        "P01",
        "p1",
        "A-0010",
        "A-010",
        "A-100",
        "1.2.03",
        "1.2.3",
        "10",
    ]
    assert lookalikes(names) == [("007", "7", "7.0"), ("A-0010", "A-010"), ("P01", "p1")]
    (note,) = lookalike_note(names, "patients")
    assert note.startswith("3 group(s) of patients")
    assert lookalike_note(["1", "2"], "patients") == []
