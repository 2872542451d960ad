"""One scan under two patients is a leak, whatever it is called."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.cohorts import Cohort, Sample
from lungcam.data import ScanDataModule, SplitRule, refuse_shared_scans, write_manifest
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
    told = refusal([sample("a", "p", **uid), sample("b", "q", **uid), sample("c", "r")])
    assert told.startswith(f"leak: the same {kind} under several patients: 1.2.3: ")
    assert "a of patient p and b of patient q" in told


def test_a_file_under_two_patients(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = refusal([sample("a", "p", "x.nii"), sample("b", "q", str(tmp_path / "x.nii"))])
    assert "the same image" in told
    assert "x.nii: a of patient p and b of patient q" in told


def test_one_patient_may_have_what_it_likes():
    known = {"image": "x.nii", "study_uid": "1", "series_uid": "1.2"}
    refuse_shared_scans([sample("a", "p", **known), sample("b", "p", **known)])


def test_what_is_not_known_is_not_shared():
    refuse_shared_scans([sample("a", "p"), sample("b", "q"), sample("c", "r", study_uid="")])


def test_several_series_may_share_a_folder(tmp_path):
    one, two = (sample(f"s{i}", f"p{i}", str(tmp_path), series_uid=f"1.{i}") for i in range(2))
    refuse_shared_scans([one, two])
    assert "the same image" in refusal(
        [replace(one, series_uid=None), replace(two, series_uid=None)]
    )


def test_of_many_five_are_named_and_the_rest_counted():
    many = [sample(f"s{i}{p}", f"p{p}", series_uid=f"1.{i}") for i in range(8) for p in range(2)]
    told = refusal(many)
    assert told.count(" of patient p0 and ") == 5
    assert "and 3 more" in told


# the same voxels in another file


@pytest.fixture
def make(crops, nodule, tmp_path, one_processor):
    """Function of (samples, split) that gives a module after its preparation."""

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
    """The first crop, flipped and in another format."""
    image = sitk.Flip(sitk.ReadImage(str(crops[0].image)), [True, False, True])
    sitk.WriteImage(image, str(tmp_path / "copy.mhd"))
    return replace(crops[0], sample_id="copy", image=tmp_path / "copy.mhd", series_uid="1.2.copy")


def test_a_study_that_only_the_headers_tell_is_found_under_two_patients(crops, make, tmp_path):
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
    bare = [replace(one, center_mm=None) for one in crops]
    with pytest.raises(InputError) as error:
        make([*bare, *twins])
    assert "leak: the same study under several patients: 1.2.77: " in str(error.value)
    same = [replace(one, patient_id="one") for one in twins]
    samples = [s for found in make([*bare, *same]).splits.values() for s in found]
    (thin, sharp) = (next(s for s in samples if s.sample_id == n) for n in ("thin", "sharp"))
    assert thin.study_uid == sharp.study_uid == "1.2.77"
    assert thin.series_uid != sharp.series_uid == uid


def test_the_same_voxels_under_two_patients_are_refused(crops, make, copy):
    with pytest.raises(InputError) as error:
        make([*crops, replace(copy, patient_id="another")])
    told = str(error.value)
    assert told.startswith("leak: the same voxels under several patients: ")
    assert "copy of patient another and crop-00 of patient person-00" in told


def test_the_same_voxels_of_one_patient_stand_on_one_side(crops, make, copy):
    data = make([*crops, copy])
    assert data.pixels["copy"] == data.pixels["crop-00"]
    assert len(set(data.pixels.values())) == 20
    (side,) = (
        name for name, found in data.splits.items() if "copy" in [one.sample_id for one in found]
    )
    assert "crop-00" in [one.sample_id for one in data.splits[side]]


def test_voxels_that_another_runs_split_had_elsewhere_are_refused(crops, make, copy, tmp_path):
    data = make(crops)
    file = tmp_path / "splits.csv"
    write_manifest(file, data.splits, pixels=data.pixels)
    rule = SplitRule(val=0.2, test=0.2, manifest=str(file))
    assert make(crops, rule).splits == data.splits
    # a scan that was trained on comes again under the name of a test patient
    trained, tested = data.splits["train"][0], data.splits["test"][0]
    stolen = replace(tested, image=trained.image)
    swapped = [stolen if one is tested else one for one in crops if one is not trained]
    with pytest.raises(InputError, match=r"leak: the same voxels are in another split") as error:
        make(swapped, rule)
    assert f"{tested.sample_id} (train there, test here)" in str(error.value)
