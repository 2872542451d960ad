"""No person on two sides, and each side with its share of positives."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lungcam.cohorts import Sample
from lungcam.data import split_by_patient, write_splits
from lungcam.errors import InputError


def samples_of(labels_of_patients: list[list[int]]) -> list[Sample]:
    """One patient for each list, one scan for each label in it."""
    return [
        Sample(f"scan-{p}-{i}", f"person-{p}", Path(f"{p}-{i}.nii"), label, f"row {p}")
        for p, labels in enumerate(labels_of_patients)
        for i, label in enumerate(labels)
    ]


def sides_of(splits: dict[str, list[Sample]]) -> dict[str, set[str]]:
    return {side: {sample.patient_id for sample in found} for side, found in splits.items()}


cohorts = st.lists(
    st.lists(st.integers(0, 1), min_size=1, max_size=4), min_size=20, max_size=60
).map(samples_of)
shares = st.sampled_from([(0.15, 0.25), (0.2, 0.2), (0.3, 0.4), (0.1, 0.1)])


@settings(deadline=None)
@given(cohorts, shares, st.integers(0, 2**32 - 1))
def test_split(samples, share, seed):
    val, test = share
    positive = {sample.patient_id for sample in samples if sample.label}
    negative = {sample.patient_id for sample in samples} - positive
    assume(min(len(positive), len(negative)) >= 6)
    splits = split_by_patient(samples, val, test, seed)
    assert list(splits) == ["train", "val", "test"]
    sides = sides_of(splits)
    # no person on two sides
    assert sum(map(len, sides.values())) == len(set.union(*sides.values()))
    # every scan once, in the table's order
    for found in splits.values():
        assert found == [sample for sample in samples if sample in found]
    everyone = [sample.sample_id for found in splits.values() for sample in found]
    assert Counter(everyone) == Counter(sample.sample_id for sample in samples)
    # both labels in their share, within a person; a person is positive with one positive scan
    for group in (positive, negative):
        assert abs(len(sides["val"] & group) - val * len(group)) < 1
        assert abs(len(sides["test"] & group) - test * len(group)) < 1
        assert all(side & group for side in sides.values())
    assert split_by_patient(samples, val, test, seed) == splits


def test_the_order_of_the_table_decides_nothing():
    samples = samples_of([[0], [1]] * 20)
    there, back = (
        sides_of(split_by_patient(table, 0.2, 0.2, 7)) for table in (samples, samples[::-1])
    )
    assert there == back


def test_another_seed_is_another_split():
    samples = samples_of([[0], [1]] * 20)
    splits = [sides_of(split_by_patient(samples, 0.2, 0.2, seed)) for seed in range(3)]
    assert splits[0] != splits[1] != splits[2]


def test_the_default_cohort_has_70_scans_in_the_test_35_of_them_positive():
    splits = split_by_patient(samples_of([[0], [1]] * 140), 0.15, 0.25, 0)
    assert {side: len(found) for side, found in splits.items()} == {
        "train": 168,
        "val": 42,
        "test": 70,
    }
    assert sum(sample.label for sample in splits["test"]) == 35


@pytest.mark.parametrize("few", [0, 1])
def test_too_few_patients_of_a_label(few):
    samples = samples_of([[few]] * 2 + [[1 - few]] * 20)
    with pytest.raises(InputError, match=f"2 patients with label {few} cannot be split"):
        split_by_patient(samples, 0.2, 0.2, 0)


@pytest.mark.parametrize(("val", "test"), [(0, 0.2), (0.2, 0), (0.5, 0.5), (-0.1, 0.3), (0.2, 1)])
def test_impossible_shares(val, test):
    with pytest.raises(InputError, match=r"split\.val=.* split\.test="):
        split_by_patient(samples_of([[0], [1]] * 20), val, test, 0)


def test_the_manifest_reads_back(tmp_path):
    samples = samples_of([[0, 0], [1]] * 10)
    splits = split_by_patient(samples, 0.2, 0.3, 0)
    write_splits(tmp_path / "run" / "splits.csv", splits)
    with (tmp_path / "run" / "splits.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["sample_id", "patient_id", "split", "label", "label_source"]
    for side, found in splits.items():
        assert [
            (row["sample_id"], row["patient_id"], int(row["label"]), row["label_source"])
            for row in rows
            if row["split"] == side
        ] == [(one.sample_id, one.patient_id, one.label, one.label_source) for one in found]
    assert len(rows) == len(samples)
