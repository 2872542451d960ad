"""Candidates on the console: place, diameter and probability, in the order of the record."""

from lungcam.inference.console import candidate_lines

CANDIDATE = {
    "probability": 0.6204,
    "diameter_mm": 8.4,
    "side": "left",
    "third": "upper",
    "pleura_mm": 12.3,
}


def test_each_candidate_has_a_line():
    other = CANDIDATE | {"probability": 0.02, "diameter_mm": None, "pleura_mm": 0.0}
    head, columns, first, second = candidate_lines({"candidates": [CANDIDATE, other]})
    assert head == "candidates, the most suspicious first:"
    assert columns.split() == ["#", "probability", "diameter", "place"]
    assert first.split(maxsplit=4) == [
        *("1", "0.620", "8", "mm"),
        "left lung, upper third, 12 mm to the pleura",
    ]
    assert second.split()[:3] == ["2", "0.020", "–"]
    assert second.endswith("outside the lungs or at their wall")


def test_other_scans_have_none():
    assert candidate_lines({}) == []
    assert candidate_lines({"candidates": []})[0].startswith("candidates: none")
