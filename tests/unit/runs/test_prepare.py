"""A cohort in parts: every scan in one, whatever else is prepared already."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.runs.prepare import _parsed, of_part


@given(scans=st.lists(st.integers(0, 9), max_size=30), parts=st.integers(1, 6))
def test_the_parts_share_no_scan_and_leave_none_out(scans, parts):
    samples = [
        Sample(sample_id=f"{i}", patient_id=f"{i}", image=Path(f"{n}"), label=0, label_source="")
        for i, n in enumerate(scans)
    ]
    found = [of_part(samples, number, parts=parts) for number in range(1, parts + 1)]
    assert sorted(one.sample_id for part in found for one in part) == sorted(
        one.sample_id for one in samples
    )
    images = [{one.image for one in part} for part in found]
    assert sum(map(len, images)) == len(set(scans))
    assert max(map(len, images)) - min(map(len, images)) <= 1
    # the cohort's order does not matter
    assert {one.sample_id for one in of_part(samples[::-1], 1, parts=parts)} == {
        one.sample_id for one in found[0]
    }


@pytest.mark.parametrize("part", ["", "0/4", "5/4", "1", "1/0", "-1/4", "a/b", "1/4/2"])
def test_a_wrong_part_is_named(part):
    with pytest.raises(InputError, match=f"prepare={part}: give K/N"):
        _parsed(part)
