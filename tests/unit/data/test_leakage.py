"""A scan under two patients is a leak, whatever its names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.cohorts import Cohort, Sample
from lungcam.data import SplitRule, refuse_shared_scans, write_manifest
from lungcam.data.datamodule import ScanDataModule
from lungcam.errors import InputError

from ..scans.conftest import _write_series


def sample(name: str, patient: str, image: str = "", **known) -> Sample:
    return Sample(
        sample_id=name,
        patient_id=patient,
        image=Path(image or f"{name}.nii"),
        label=0,
        label_source="",
        **known,
    )


def refusal(samples) -> str:
    with pytest.raises(InputError) as error:
        refuse_shared_scans(samples)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", ["series", "study"])
def test_a_uid_under_two_patients_is_named_with_both_samples(kind):
    uid = {f"{kind}_uid": "1.2.3"}
    message = refusal([sample("a", "p", **uid), sample("b", "q", **uid), sample("c", "r")])
    assert message.startswith(f"leak: the same {kind} under several patients: 1.2.3: ")
    assert "a of patient p and b of patient q" in message


def test_a_file_under_two_patients_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal([sample("a", "p", "x.nii"), sample("b", "q", str(tmp_path / "x.nii"))])
    assert "the same image" in message
    assert "x.nii: a of patient p and b of patient q" in message


def test_samples_of_one_patient_may_share_a_scan():
    known = {"image": "x.nii", "study_uid": "1", "series_uid": "1.2"}
    refuse_shared_scans([sample("a", "p", **known), sample("b", "p", **known)])


def test_unknown_uids_are_not_shared():
    refuse_shared_scans([sample("a", "p"), sample("b", "q"), sample("c", "r", study_uid="")])


def test_several_series_may_share_a_folder(tmp_path):
    samples = [sample(f"s{i}", f"p{i}", str(tmp_path), series_uid=f"1.{i}") for i in range(2)]
    refuse_shared_scans(samples)
    assert "the same image" in refusal([replace(s, series_uid=None) for s in samples])


def test_five_leaks_are_named_and_the_rest_counted():
    many = [sample(f"s{i}{p}", f"p{p}", series_uid=f"1.{i}") for i in range(8) for p in range(2)]
    message = refusal(many)
    assert message.count(" of patient p0 and ") == 5
    assert "and 3 more" in message


# the same voxels in another file


@pytest.fixture
def make(crops, nodule, tmp_path, one_processor):
    """Function of (samples, split) that returns a prepared module."""

    def module(samples, split=None) -> ScanDataModule:
        data = ScanDataModule(
            Cohort(samples, "a rule"),
            nodule,
            cache=tmp_path / "cache",
            split=split or SplitRule(val=0.2, test=0.2),
            batch_size=4,
            workers=0,
            seed=0,
        )
        data.setup()
        return data

    return module


@pytest.fixture
def copy(crops, tmp_path) -> Sample:
    """First crop, flipped and in another format."""
    image = sitk.Flip(sitk.ReadImage(str(crops[0].image)), [True, False, True])
    sitk.WriteImage(image, str(tmp_path / "copy.mhd"))
    return replace(crops[0], sample_id="copy", image=tmp_path / "copy.mhd", series_uid="1.2.copy")


def test_a_study_uid_in_the_headers_alone_is_refused_under_two_patients(crops, make, tmp_path):
    hu = np.random.default_rng(7).integers(-900, 200, (14, 13, 6)).astype(np.int16)
    twins = []
    for name, seed in (("thin", 0), ("sharp", 1)):
        values = hu + np.int16(seed)
        uid, _, _ = _write_series(tmp_path / name, values, seed=seed, StudyInstanceUID="1.2.77")
        twins.append(
            Sample(
                sample_id=name,
                patient_id=f"patient-{name}",
                image=tmp_path / name,
                label=0,
                label_source="me",
            )
        )
    bare = [replace(sample, center_mm=None) for sample in crops]
    with pytest.raises(InputError) as error:
        make([*bare, *twins])
    assert "leak: the same study under several patients: 1.2.77: " in str(error.value)
    same = [replace(twin, patient_id="one") for twin in twins]
    samples = [s for members in make([*bare, *same]).splits.values() for s in members]
    (thin, sharp) = (next(s for s in samples if s.sample_id == n) for n in ("thin", "sharp"))
    assert thin.study_uid == sharp.study_uid == "1.2.77"
    assert thin.series_uid != sharp.series_uid == uid


def test_the_same_voxels_under_two_patients_are_refused(crops, make, copy):
    with pytest.raises(InputError) as error:
        make([*crops, replace(copy, patient_id="another")])
    message = str(error.value)
    assert message.startswith("leak: the same voxels under several patients: ")
    assert "copy of patient another and crop-00 of patient person-00" in message


def test_the_same_voxels_of_one_patient_are_in_one_split(crops, make, copy):
    data = make([*crops, copy])
    assert data.pixels["copy"] == data.pixels["crop-00"]
    assert len(set(data.pixels.values())) == 20
    (split,) = (
        name
        for name, members in data.splits.items()
        if "copy" in [sample.sample_id for sample in members]
    )
    assert "crop-00" in [sample.sample_id for sample in data.splits[split]]


def test_voxels_in_another_split_of_the_manifest_are_refused(crops, make, copy, tmp_path):
    data = make(crops)
    file = tmp_path / "splits.csv"
    write_manifest(file, data.splits, pixels=data.pixels)
    rule = SplitRule(val=0.2, test=0.2, manifest=str(file))
    assert make(crops, rule).splits == data.splits
    # a scan that was trained on returns under the name of a test patient
    trained, tested = data.splits["train"][0], data.splits["test"][0]
    stolen = replace(tested, image=trained.image)
    swapped = [stolen if sample is tested else sample for sample in crops if sample is not trained]
    with pytest.raises(InputError, match=r"leak: the same voxels are in another split") as error:
        make(swapped, rule)
    assert f"{tested.sample_id} (train there, test here)" in str(error.value)
