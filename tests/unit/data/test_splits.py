"""No patient is in two splits, and each split has its share of positives."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lungcam.cohorts import Sample
from lungcam.data import SplitRule, split_by_fold, split_by_patient
from lungcam.errors import InputError


def samples_of(labels_of_patients: list[list[int]]) -> list[Sample]:
    """Make a patient for each list and a scan for each label in it."""
    return [
        Sample(
            sample_id=f"scan-{p}-{i}",
            patient_id=f"person-{p}",
            image=Path(f"{p}-{i}.nii"),
            label=label,
            label_source=f"row {p}",
        )
        for p, labels in enumerate(labels_of_patients)
        for i, label in enumerate(labels)
    ]


def patients_of(splits: dict[str, list[Sample]]) -> dict[str, set[str]]:
    return {name: {sample.patient_id for sample in members} for name, members in splits.items()}


cohorts = st.lists(
    st.lists(st.integers(0, 1), min_size=1, max_size=4), min_size=20, max_size=60
).map(samples_of)
shares = st.sampled_from([(0.15, 0.25), (0.2, 0.2), (0.3, 0.4), (0.1, 0.1)])


@settings(deadline=None)
@given(cohorts, shares, st.integers(0, 2**32 - 1))
def test_patients_are_split_by_the_shares(samples, share, seed):
    val, test = share
    positive = {sample.patient_id for sample in samples if sample.label}
    negative = {sample.patient_id for sample in samples} - positive
    assume(min(len(positive), len(negative)) >= 6)
    splits = split_by_patient(samples, val, test=test, seed=seed)
    assert list(splits) == ["train", "val", "test"]
    patients_by_split = patients_of(splits)
    # no patient in two splits
    assert sum(map(len, patients_by_split.values())) == len(set.union(*patients_by_split.values()))
    # every scan once, in the table's order
    for members in splits.values():
        assert members == [sample for sample in samples if sample in members]
    everyone = [sample.sample_id for members in splits.values() for sample in members]
    assert Counter(everyone) == Counter(sample.sample_id for sample in samples)
    # both labels in their share, within a patient; a patient with a positive scan is positive
    for group in (positive, negative):
        assert abs(len(patients_by_split["val"] & group) - val * len(group)) < 1
        assert abs(len(patients_by_split["test"] & group) - test * len(group)) < 1
        assert all(name & group for name in patients_by_split.values())
    assert split_by_patient(samples, val, test=test, seed=seed) == splits


def test_the_split_does_not_depend_on_the_order_of_the_table():
    samples = samples_of([[0], [1]] * 20)
    there, back = (
        patients_of(split_by_patient(table, 0.2, test=0.2, seed=7))
        for table in (samples, samples[::-1])
    )
    assert there == back


def test_another_seed_gives_another_split():
    samples = samples_of([[0], [1]] * 20)
    splits = [patients_of(split_by_patient(samples, 0.2, test=0.2, seed=seed)) for seed in range(3)]
    assert splits[0] != splits[1] != splits[2]


def test_the_default_cohort_has_70_scans_in_the_test_35_of_them_positive():
    splits = split_by_patient(samples_of([[0], [1]] * 140), 0.15, test=0.25, seed=0)
    assert {name: len(members) for name, members in splits.items()} == {
        "train": 168,
        "val": 42,
        "test": 70,
    }
    assert sum(sample.label for sample in splits["test"]) == 35


@pytest.mark.parametrize("few", [0, 1])
def test_too_few_patients_of_a_label_are_refused(few):
    samples = samples_of([[few]] * 2 + [[1 - few]] * 20)
    with pytest.raises(InputError, match=f"2 patients with label {few} cannot be split"):
        split_by_patient(samples, 0.2, test=0.2, seed=0)


@pytest.mark.parametrize(("val", "test"), [(0, 0.2), (0.2, 0), (0.5, 0.5), (-0.1, 0.3), (0.2, 1)])
def test_impossible_shares_are_refused(val, test):
    with pytest.raises(InputError, match=r"split\.val=.* split\.test="):
        split_by_patient(samples_of([[0], [1]] * 20), val, test=test, seed=0)


# folds


@settings(deadline=None, max_examples=40)
@given(cohorts, st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_over_all_folds_each_patient_is_tested_once(samples, folds, seed):
    positive = {sample.patient_id for sample in samples if sample.label}
    negative = {sample.patient_id for sample in samples} - positive
    assume(min(len(positive), len(negative)) >= 6)
    tested: Counter[str] = Counter()
    for fold in range(folds):
        splits = split_by_fold(samples, folds, fold=fold, val=0.3, seed=seed)
        patients_by_split = patients_of(splits)
        assert sum(map(len, patients_by_split.values())) == len(
            set.union(*patients_by_split.values())
        )
        assert Counter(
            sample.sample_id for members in splits.values() for sample in members
        ) == Counter(sample.sample_id for sample in samples)
        for members in splits.values():
            assert members == [sample for sample in samples if sample in members]
        for group in (positive, negative):
            assert abs(len(patients_by_split["test"] & group) - len(group) / folds) < 1
            rest = len(group - patients_by_split["test"])
            assert abs(len(patients_by_split["val"] & group) - 0.3 * rest) < 1
            assert all(name & group for name in patients_by_split.values())
        tested.update(patients_by_split["test"])
        assert split_by_fold(samples, folds, fold=fold, val=0.3, seed=seed) == splits
    assert tested == Counter(positive | negative)


@pytest.mark.parametrize(
    ("folds", "fold"), [(1, 0), (0, 0), (-2, 0), (5, 5), (5, -1), ("five", 0), (2.5, 0), (True, 0)]
)
def test_impossible_folds_are_refused(folds, fold):
    with pytest.raises(InputError, match=r"split\.folds="):
        SplitRule(val=0.2, test=0.2, folds=folds, fold=fold).split(samples_of([[0], [1]] * 20), 0)


def test_too_few_patients_for_the_folds_are_refused():
    with pytest.raises(InputError, match=r"4 patients with label 1 cannot be dealt to 5 folds"):
        split_by_fold(samples_of([[0]] * 20 + [[1]] * 4), 5, fold=0, val=0.2, seed=0)
    with pytest.raises(InputError, match=r"outside the test's fold"):
        split_by_fold(samples_of([[0]] * 20 + [[1]] * 5), 5, fold=0, val=0.1, seed=0)


def with_folds(*folds: int | None) -> list[Sample]:
    """Make a scan a patient, with both labels in each fold."""
    samples = samples_of([[i // 5 % 2] for i in range(10 * len(folds))])
    return [replace(sample, fold=folds[i // 10]) for i, sample in enumerate(samples)]


@pytest.mark.parametrize("fold", [0, 3, 7])
def test_an_official_fold_is_the_test(fold):
    samples = with_folds(0, 3, 7, None)
    splits, notes = SplitRule(val=0.2, test=0.9, folds="official", fold=fold).split(samples, 4)
    assert [sample.fold for sample in splits["test"]] == [fold] * 10
    others = {sample.fold for name in ("train", "val") for sample in splits[name]}
    assert others == {0, 3, 7} - {fold}
    assert len(splits["val"]) == 4
    assert {sample.label for sample in splits["val"]} == {0, 1}
    assert notes == ["10 samples without an official fold are left out"]


def test_an_unknown_official_fold_is_refused():
    with pytest.raises(InputError, match=r"split\.folds=official split\.fold=1: .* 0, 3"):
        SplitRule(val=0.2, test=0.2, folds="official", fold=1).split(with_folds(0, 3), 0)
    with pytest.raises(InputError, match=r"folds are not known"):
        SplitRule(val=0.2, test=0.2, folds="official", fold=0).split(samples_of([[0], [1]] * 20), 0)


def test_a_patient_in_two_official_folds_is_refused():
    samples = with_folds(0, 3, 7)
    samples[12] = replace(samples[12], patient_id="person-2")
    with pytest.raises(InputError, match=r"^leak: patient person-2 \(1 in all\) is in several"):
        SplitRule(val=0.2, test=0.2, folds="official", fold=0).split(samples, 0)


def test_the_rule_splits_by_shares_without_folds():
    samples = samples_of([[0], [1]] * 20)
    assert SplitRule(val=0.2, test=0.3).split(samples, 5) == (
        split_by_patient(samples, 0.2, test=0.3, seed=5),
        [],
    )
    assert SplitRule(val=0.2, test=0.3, folds=4, fold=2).split(samples, 5) == (
        split_by_fold(samples, 4, fold=2, val=0.2, seed=5),
        [],
    )
