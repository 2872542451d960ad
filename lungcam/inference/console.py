"""Candidates of a searched scan, in lines for the console."""

from collections.abc import Mapping
from typing import Any

from lungcam.report.scan_places import diameter_text, place_text


def candidate_lines(record: Mapping[str, Any]) -> list[str]:
    """List the candidates with place, diameter and probability; empty without a search.

    Args:
        record: Content of prediction.json.
    """
    candidates = record.get("candidates")
    if candidates is None:
        return []
    if not candidates:
        return ["candidates: none; nothing in the lungs looks like a nodule to the detector"]
    rows = [
        f"{number:4d}  {candidate['probability']:11.3f}  {diameter_text(candidate):>8}  "
        f"{place_text(candidate)}"
        for number, candidate in enumerate(candidates, 1)
    ]
    return ["candidates, the most suspicious first:", "   #  probability  diameter  place", *rows]
