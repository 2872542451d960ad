"""Scans are prepared once, in parallel, and a bad one is named."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lungcam.data.cache import load
from lungcam.data.preparation import prepare_cohort, prepare_sample
from lungcam.errors import InputError
from lungcam.scans import read_scan
from lungcam.transforms import NoduleView, pipeline, prepare


def test_prepared_once(phantoms, transforms, tmp_path):
    samples = phantoms.samples[:3]
    files = prepare_cohort(samples, transforms, tmp_path)
    assert list(files) == [sample.sample_id for sample in samples]
    assert set(tmp_path.iterdir()) == set(files.values())
    assert len(set(files.values())) == 3
    for sample in samples:
        arrays = load(files[sample.sample_id])
        subject = prepare(read_scan(sample.image), transforms)
        assert arrays["input"].dtype == np.float32
        assert arrays["input"].shape == (24, 20, 16)
        assert np.array_equal(arrays["input"], subject["input"].numpy()[0])
        assert arrays["lungs"].dtype == bool
        assert np.array_equal(arrays["lungs"], subject["input_lungs"].numpy()[0] > 0)
        assert arrays["lungs"].any()
        assert np.array_equal(arrays["affine"], subject["input"].affine)
    stamps = {file: file.stat().st_mtime_ns for file in files.values()}
    assert prepare_cohort(samples, transforms, tmp_path) == files
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == stamps


def test_it_goes_on_where_it_was(phantoms, transforms, tmp_path):
    first = prepare_cohort(phantoms.samples[:1], transforms, tmp_path)
    (file,) = first.values()
    stamp = file.stat().st_mtime_ns
    both = prepare_cohort(phantoms.samples[:2], transforms, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert both["phantom-0000"] == file
    assert file.stat().st_mtime_ns == stamp


def test_a_broken_scan_is_named(phantoms, transforms, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"this is no NIfTI")
    sample = replace(phantoms.samples[0], image=broken)
    with pytest.raises(InputError, match=r"broken\.nii\.gz: "):
        prepare_cohort([sample], transforms, tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*"))


def test_a_missing_scan_is_named(phantoms, transforms, tmp_path):
    sample = replace(phantoms.samples[0], image=tmp_path / "gone.nii.gz")
    with pytest.raises(InputError, match=r"gone\.nii\.gz: there is no such file"):
        prepare_cohort([sample], transforms, tmp_path / "cache")


def test_one_scan_by_itself(phantoms, transforms, tmp_path):
    prepare_sample(phantoms.samples[0].image, None, transforms, tmp_path / "one.npz")
    arrays = load(tmp_path / "one.npz")
    assert set(arrays) == {"input", "lungs", "affine", "quality", "findings", "picture"}
    assert 1000 < json.loads(str(arrays["quality"]))["lungs_ml"] < 8000
    assert json.loads(str(arrays["findings"])) == []
    assert arrays["picture"].shape == (128, 256, 3)


def test_a_nodules_surroundings_have_no_mask(phantoms, tmp_path):
    sample = next(one for one in phantoms.samples if one.center_mm is not None)
    nodule = pipeline({"view": NoduleView(shape=(16, 16, 16), spacing_mm=2)})
    prepare_sample(sample.image, sample.center_mm, nodule, tmp_path / "one.npz")
    arrays = load(tmp_path / "one.npz")
    assert "picture" not in arrays
    assert json.loads(str(arrays["quality"])) == {}
    middle = arrays["affine"] @ [7.5, 7.5, 7.5, 1]
    assert np.allclose(middle[:3], sample.center_mm)
    # the nodule in the middle is denser than the lung around it
    assert arrays["input"][7:9, 7:9, 7:9].mean() > np.median(arrays["input"]) + 0.2
