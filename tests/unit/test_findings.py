"""Tests of a check's findings: JSON for programs, one line for people."""

import json

import pytest

from lungcam.errors import InputError
from lungcam.findings import ScanCheck


@pytest.fixture
def check():
    check = ScanCheck("a/b")
    check.add("padding", "repaired", message="5 voxels were set to air")
    check.add("missing_slices", "refused", message="1 slice missing", remedy="complete the series")
    check.add("lossy", "flagged", message="compressed with loss", remedy="look at it")
    return check


def test_line_begins_with_refusals(check):
    assert check.line == (
        "a/b: 1 slice missing; complete the series. compressed with loss; look at it. "
        "5 voxels were set to air."
    )
    assert ScanCheck("c").line == "c: no fault found."


def test_only_a_refusal_makes_a_scan_unusable(check):
    assert not check.usable
    with pytest.raises(InputError, match=r"^a/b: 1 slice missing; complete the series\.$"):
        check.raise_if_unusable()
    check.findings.pop(1)
    assert check.usable
    check.raise_if_unusable()


def test_json_holds_all_findings(check):
    values = json.loads(json.dumps(check.as_dict()))
    assert (values["scan"], values["usable"]) == ("a/b", False)
    codes = [finding["code"] for finding in values["findings"]]
    assert codes == ["padding", "missing_slices", "lossy"]
    assert set(values["findings"][0]) == {"code", "outcome", "message", "remedy"}


def test_findings_are_selected_by_outcome(check):
    findings = check.with_outcome("flagged", "repaired")
    assert [finding.code for finding in findings] == ["padding", "lossy"]
