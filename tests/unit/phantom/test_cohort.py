"""Tests of the cohort of phantoms on disk."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.errors import InputError
from lungcam.phantom import make_phantom, phantom_cohort


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


@pytest.fixture(scope="module")
def four(root):
    return phantom_cohort(root, n=4, seed=5, matrix=64, workers=1)


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_kinds_are_balanced_and_each_sample_is_another_person(four):
    kinds = Counter(sample.label_source.rsplit(" ", 1)[1] for sample in four.samples)
    assert kinds == {"malignant": 2, "benign": 1, "healthy": 1}
    assert sum(sample.label for sample in four.samples) == 2
    assert len({sample.patient_id for sample in four.samples}) == 4
    assert four.samples[0].sample_id == "phantom-0000"
    assert four.samples[0].patient_id == "person-0000"
    assert "15-30 mm" in four.label_rule


def test_the_files_match_the_phantom(four):
    for sample in four.samples:
        truth = json.loads(Path(str(sample.image).replace(".nii.gz", ".json")).read_text())
        p = make_phantom(truth["seed"], truth["kind"], matrix=64)
        image = nib.load(sample.image)
        assert image.get_data_dtype() == np.int16
        assert np.array_equal(np.asanyarray(image.dataobj), p.hu)
        assert np.allclose(image.affine, p.affine, atol=1e-3)
        assert sample.center_mm == p.center_mm
        assert sample.diameter_mm == p.diameter_mm
        if p.kind == "healthy":
            assert sample.lesion_mask is None
        else:
            mask = np.asanyarray(nib.load(sample.lesion_mask).dataobj)
            assert np.array_equal(mask.astype(bool), p.nodule)


def test_simpleitk_reads_the_same_geometry(four):
    sample = next(sample for sample in four.samples if sample.center_mm)
    image = sitk.ReadImage(str(sample.image))
    affine = nib.load(sample.image).affine
    flip = np.diag([-1.0, -1.0, 1.0])
    direction = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    assert np.allclose(flip @ direction, affine[:3, :3], atol=1e-3)
    assert np.allclose(flip @ image.GetOrigin(), affine[:3, 3], atol=1e-3)
    index = image.TransformPhysicalPointToIndex((flip @ sample.center_mm).tolist())
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(sample.lesion_mask)))
    i, j, k = index
    assert mask[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].any()


def test_a_larger_cohort_keeps_the_files_of_a_smaller_one(root, four):
    folder = four.samples[0].image.parent
    before = stamps(folder)
    eight = phantom_cohort(root, n=8, seed=5, matrix=64, workers=1)
    assert list(eight.samples[:4]) == list(four.samples)
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    assert len(list(folder.glob("*.json"))) == 8


def test_only_missing_phantoms_are_made(root, four):
    folder = four.samples[0].image.parent
    file = folder / "phantom-0001.json"
    truth, before = file.read_text(), stamps(folder)
    file.unlink()
    again = phantom_cohort(root, n=4, seed=5, matrix=64, workers=1)
    assert again == four
    assert file.read_text() == truth
    changed = {name for name, stamp in stamps(folder).items() if before[name] != stamp}
    assert {name.split("_")[0].split(".")[0] for name in changed} == {"phantom-0001"}


def test_several_processes_make_the_same_voxels(root, four, tmp_path):
    parallel = phantom_cohort(tmp_path, n=4, seed=5, matrix=64, workers=2)
    for sample, other in zip(four.samples, parallel.samples, strict=True):
        assert sample.image.read_bytes() == other.image.read_bytes()
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"n": 3}, "n"),
        ({"difficulty": -0.1}, "difficulty"),
        ({"matrix": 63}, "matrix"),
        ({"seed": -1}, "seed"),
        ({"workers": 0}, "workers"),
    ],
)
def test_impossible_settings_are_named(tmp_path, change, name):
    with pytest.raises(InputError, match=rf"{name} is .*set it"):
        phantom_cohort(tmp_path, **change)


def test_a_root_that_cannot_be_written_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match=r"file.*cannot be written"):
        phantom_cohort(file, n=4, matrix=64, workers=1)


def test_import_is_light():
    heavy = ("torch", "vtk", "monai", "lightning", "pytorch_lightning")
    code = f"import sys, lungcam.phantom; print([name for name in {heavy} if name in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"
