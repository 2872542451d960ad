"""splits.csv repeats a split on this cohort, or on another with scans in common."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from lungcam.cohorts import Sample
from lungcam.data import SplitRule, read_manifest, split_by_patient, write_manifest
from lungcam.errors import InputError


@pytest.fixture
def samples() -> list[Sample]:
    """Make two scans of each of twenty people."""
    return [
        Sample(
            sample_id=f"scan-{p}-{i}",
            patient_id=f"person-{p}",
            image=Path(f"{p}-{i}.nii"),
            label=p % 2,
            label_source=f"row {p}",
            study_uid=f"1.{p}",
            series_uid=f"1.{p}.{i}",
        )
        for p in range(20)
        for i in range(2)
    ]


@pytest.fixture
def splits(samples):
    return split_by_patient(samples, 0.2, test=0.3, seed=0)


@pytest.fixture
def file(splits, tmp_path) -> Path:
    pixels = {
        sample.sample_id: f"hash-{sample.sample_id}"
        for members in splits.values()
        for sample in members
    }
    write_manifest(tmp_path / "run" / "splits.csv", splits, pixels=pixels)
    return tmp_path / "run" / "splits.csv"


def split_again(file: Path, samples: list[Sample], seed: int = 99):
    return SplitRule(val=0.2, test=0.3, manifest=str(file)).split(samples, seed)


def test_every_sample_is_written_with_its_split(file, splits, samples):
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(samples)
    for split, members in splits.items():
        own = [row for row in rows if row["split"] == split]
        for row, sample in zip(own, members, strict=True):
            for name in ("sample_id", "patient_id", "study_uid", "series_uid", "label_source"):
                assert row[name] == getattr(sample, name)
            assert row["label"] == str(sample.label)
            assert row["pixels"] == f"hash-{sample.sample_id}"


def test_a_written_manifest_is_read_back(file, splits):
    manifest = read_manifest(file)
    for split, members in splits.items():
        for sample in members:
            assert manifest.patients[sample.patient_id] == split
            assert manifest.series[sample.series_uid] == split
            assert manifest.pixels[f"hash-{sample.sample_id}"] == split


@pytest.mark.parametrize("seed", [0, 1, 99])
def test_the_same_cohort_is_split_the_same_whatever_the_seed(file, splits, samples, seed):
    assert split_again(file, samples, seed) == (splits, [])


def test_a_manifest_precedes_folds(file, splits, samples):
    rule = SplitRule(val=0.2, test=0.3, folds=5, fold=1, manifest=str(file))
    assert rule.split(samples, 3) == (splits, [])


def test_another_cohort_is_matched_by_its_series(file, splits, samples):
    """LUNA16 and LIDC, for example, have different names for the same people."""
    other = [
        replace(sample, sample_id=f"luna-{i}", patient_id=sample.series_uid, study_uid=None)
        for i, sample in enumerate(samples)
    ]
    result, notes = split_again(file, other)
    assert notes == []
    for split, matched in result.items():
        assert [sample.series_uid for sample in matched] == [
            sample.series_uid for sample in splits[split]
        ]


def test_other_scans_of_a_series_patient_follow_the_series(file, splits, samples):
    sample = splits["test"][0]
    others = [
        replace(sample, sample_id=f"new-{i}", patient_id="new", series_uid=f"9.{i}") for i in (0, 1)
    ]
    others[1] = replace(others[1], series_uid=sample.series_uid)
    result, notes = split_again(file, [*samples, *others])
    assert notes == []
    assert [sample.sample_id for sample in result["test"][-2:]] == ["new-0", "new-1"]


def test_samples_that_the_manifest_does_not_name_are_left_out_with_a_note(file, splits, samples):
    unknown = [
        Sample(
            sample_id=f"new-{i}", patient_id=f"new-{i}", image=Path("x"), label=i, label_source=""
        )
        for i in range(2)
    ]
    result, notes = split_again(file, [*unknown, *samples])
    assert result == splits
    assert notes == [f"2 samples that {file} does not name are left out"]


def test_a_patient_in_two_splits_is_refused(file, splits, samples):
    train, test = splits["train"][0], splits["test"][0]
    mixed = [
        replace(sample, patient_id="mixed")
        if sample.series_uid in (train.series_uid, test.series_uid)
        else sample
        for sample in samples
    ]
    with pytest.raises(InputError, match=r"splits\.csv: leak: patient mixed \(1 in all\)"):
        split_again(file, mixed)


def test_a_cohort_that_leaves_a_split_empty_is_refused(file, splits):
    with pytest.raises(InputError, match=r"it has no sample of this cohort in val or test"):
        split_again(file, splits["train"])


def edited(file: Path, old: str, new: str) -> Path:
    file.write_text(file.read_text().replace(old, new, 1))
    return file


@pytest.mark.parametrize("kind", ["patient_id", "series_uid", "pixels"])
def test_a_manifest_that_divides_a_patient_series_or_scan_is_refused(file, splits, kind):
    train, test = splits["train"][0], splits["test"][0]
    values = {
        "patient_id": (train.patient_id, test.patient_id),
        "series_uid": (train.series_uid, test.series_uid),
        "pixels": (f"hash-{train.sample_id}", f"hash-{test.sample_id}"),
    }
    ours, theirs = values[kind]
    with pytest.raises(InputError) as error:
        read_manifest(edited(file, f",{theirs},", f",{ours},"))
    assert str(error.value).startswith(f"{file}: leak: {kind} {ours} (1 in all)")


def test_errors_of_the_file_are_named(file, tmp_path):
    with pytest.raises(InputError, match=r"row 2: split is 'training'; it takes train, val, test"):
        read_manifest(edited(file, ",train,", ",training,"))
    with pytest.raises(InputError, match=r"gone\.csv: there is no such file"):
        read_manifest(tmp_path / "gone.csv")
    (tmp_path / "other.csv").write_text("sample_id,side\na,train\n")
    with pytest.raises(InputError, match=r"other\.csv: there is no column patient_id, split"):
        read_manifest(tmp_path / "other.csv")


def test_a_manifest_of_patients_alone_is_enough(samples, splits, tmp_path):
    split_by_patient_id = {
        sample.patient_id: split for split, members in splits.items() for sample in members
    }
    lines = [f"{patient},{split}" for patient, split in split_by_patient_id.items()]
    (tmp_path / "mine.csv").write_text("\n".join(["patient_id,split", *lines]) + "\n")
    assert split_again(tmp_path / "mine.csv", samples) == (splits, [])
