"""splits.csv tells a split again, to this cohort or to another with scans in common."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from lungcam.cohorts import Sample
from lungcam.data import SplitRule, read_manifest, split_by_patient, write_manifest
from lungcam.errors import InputError


@pytest.fixture
def samples() -> list[Sample]:
    """Two scans of each of twenty people."""
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
    pixels = {one.sample_id: f"hash-{one.sample_id}" for found in splits.values() for one in found}
    write_manifest(tmp_path / "run" / "splits.csv", splits, pixels=pixels)
    return tmp_path / "run" / "splits.csv"


def again(file: Path, samples: list[Sample], seed: int = 99):
    return SplitRule(val=0.2, test=0.3, manifest=str(file)).split(samples, seed)


def test_every_sample_is_told_with_its_side(file, splits, samples):
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(samples)
    for side, found in splits.items():
        own = [row for row in rows if row["split"] == side]
        for row, one in zip(own, found, strict=True):
            for name in ("sample_id", "patient_id", "study_uid", "series_uid", "label_source"):
                assert row[name] == getattr(one, name)
            assert row["label"] == str(one.label)
            assert row["pixels"] == f"hash-{one.sample_id}"


def test_the_manifest_reads_back(file, splits):
    manifest = read_manifest(file)
    for side, found in splits.items():
        for one in found:
            assert manifest.patients[one.patient_id] == side
            assert manifest.series[one.series_uid] == side
            assert manifest.pixels[f"hash-{one.sample_id}"] == side


@pytest.mark.parametrize("seed", [0, 1, 99])
def test_the_same_cohort_is_split_the_same_whatever_the_seed(file, splits, samples, seed):
    assert again(file, samples, seed) == (splits, [])


def test_a_manifest_goes_before_folds(file, splits, samples):
    rule = SplitRule(val=0.2, test=0.3, folds=5, fold=1, manifest=str(file))
    assert rule.split(samples, 3) == (splits, [])


def test_another_cohort_is_matched_by_its_series(file, splits, samples):
    """As LUNA16 and LIDC, which name the same people in other words."""
    other = [
        replace(one, sample_id=f"luna-{i}", patient_id=one.series_uid, study_uid=None)
        for i, one in enumerate(samples)
    ]
    found, notes = again(file, other)
    assert notes == []
    for side, ours in found.items():
        assert [one.series_uid for one in ours] == [one.series_uid for one in splits[side]]


def test_a_series_takes_its_patients_other_scans_along(file, splits, samples):
    one = splits["test"][0]
    others = [
        replace(one, sample_id=f"new-{i}", patient_id="new", series_uid=f"9.{i}") for i in (0, 1)
    ]
    others[1] = replace(others[1], series_uid=one.series_uid)
    found, notes = again(file, [*samples, *others])
    assert notes == []
    assert [one.sample_id for one in found["test"][-2:]] == ["new-0", "new-1"]


def test_what_the_manifest_does_not_name_is_left_out_and_told(file, splits, samples):
    unknown = [
        Sample(
            sample_id=f"new-{i}", patient_id=f"new-{i}", image=Path("x"), label=i, label_source=""
        )
        for i in range(2)
    ]
    found, notes = again(file, [*unknown, *samples])
    assert found == splits
    assert notes == [f"2 samples that {file} does not name are left out"]


def test_a_patient_that_stood_on_two_sides_is_refused(file, splits, samples):
    train, test = splits["train"][0], splits["test"][0]
    mixed = [
        replace(one, patient_id="mixed")
        if one.series_uid in (train.series_uid, test.series_uid)
        else one
        for one in samples
    ]
    with pytest.raises(InputError, match=r"splits\.csv: leak: patient mixed \(1 in all\)"):
        again(file, mixed)


def test_a_cohort_that_leaves_a_side_empty_is_refused(file, splits):
    with pytest.raises(InputError, match=r"it has no sample of this cohort in val or test"):
        again(file, splits["train"])


def edited(file: Path, old: str, new: str) -> Path:
    file.write_text(file.read_text().replace(old, new, 1))
    return file


@pytest.mark.parametrize("kind", ["patient_id", "series_uid", "pixels"])
def test_a_manifest_that_parts_what_belongs_together_is_refused(file, splits, kind):
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


def test_what_is_wrong_with_the_file_is_said(file, tmp_path):
    with pytest.raises(InputError, match=r"row 2: split is 'training'; it takes train, val, test"):
        read_manifest(edited(file, ",train,", ",training,"))
    with pytest.raises(InputError, match=r"gone\.csv: there is no such file"):
        read_manifest(tmp_path / "gone.csv")
    (tmp_path / "other.csv").write_text("sample_id,side\na,train\n")
    with pytest.raises(InputError, match=r"other\.csv: there is no column patient_id, split"):
        read_manifest(tmp_path / "other.csv")


def test_a_manifest_of_patients_alone_is_enough(samples, splits, tmp_path):
    sides = {one.patient_id: side for side, found in splits.items() for one in found}
    lines = [f"{patient},{side}" for patient, side in sides.items()]
    (tmp_path / "mine.csv").write_text("\n".join(["patient_id,split", *lines]) + "\n")
    assert again(tmp_path / "mine.csv", samples) == (splits, [])
