"""Parts of a cohort: every scan is in exactly one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.runs.prepare import parse_part, samples_of_part


@given(scans=st.lists(st.integers(0, 9), max_size=30), parts=st.integers(1, 6))
def test_the_parts_share_no_scan_and_leave_none_out(scans, parts):
    samples = [
        Sample(sample_id=f"{i}", patient_id=f"{i}", image=Path(f"{n}"), label=0, label_source="")
        for i, n in enumerate(scans)
    ]
    split = [samples_of_part(samples, number, parts=parts) for number in range(1, parts + 1)]
    assert sorted(sample.sample_id for part in split for sample in part) == sorted(
        sample.sample_id for sample in samples
    )
    images = [{sample.image for sample in part} for part in split]
    assert sum(map(len, images)) == len(set(scans))
    assert max(map(len, images)) - min(map(len, images)) <= 1
    # the order of the cohort does not matter
    first = samples_of_part(samples[::-1], 1, parts=parts)
    assert {sample.sample_id for sample in first} == {sample.sample_id for sample in split[0]}


@pytest.mark.parametrize("part", ["", "0/4", "5/4", "1", "1/0", "-1/4", "a/b", "1/4/2"])
def test_a_wrong_part_is_refused_by_name(part):
    with pytest.raises(InputError, match=f"prepare={part}: give K/N"):
        parse_part(part)
