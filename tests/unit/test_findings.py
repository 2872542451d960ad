"""A verdict for programs and for people."""

import json

import pytest

from lungcam.errors import InputError
from lungcam.findings import ScanCheck


@pytest.fixture
def verdict():
    found = ScanCheck("a/b")
    found.add("padding", "repaired", "5 voxels were set to air")
    found.add("missing_slices", "refused", "1 slice missing", "complete the series")
    found.add("lossy", "flagged", "compressed with loss", "look at it")
    return found


def test_line_tells_what_is_refused_first(verdict):
    assert verdict.line == (
        "a/b: 1 slice missing; complete the series. compressed with loss; look at it. "
        "5 voxels were set to air."
    )
    assert ScanCheck("c").line == "c: no fault found."


def test_only_a_refusal_makes_it_unusable(verdict):
    assert not verdict.usable
    with pytest.raises(InputError, match=r"^a/b: 1 slice missing; complete the series\.$"):
        verdict.demand_usable()
    verdict.findings.pop(1)
    assert verdict.usable
    verdict.demand_usable()


def test_json_holds_all_findings(verdict):
    told = json.loads(json.dumps(verdict.as_dict()))
    assert (told["scan"], told["usable"]) == ("a/b", False)
    assert [one["code"] for one in told["findings"]] == ["padding", "missing_slices", "lossy"]
    assert set(told["findings"][0]) == {"code", "outcome", "message", "remedy"}


def test_findings_by_outcome(verdict):
    assert [one.code for one in verdict.of("flagged", "repaired")] == ["padding", "lossy"]
