"""A sample is read and prepared the same way wherever that is needed."""

from dataclasses import replace

import numpy as np
import pytest

from lungcam.data import plan
from lungcam.data.prepared_sample import lacks_center, prepare_sample, read_sample
from lungcam.errors import InputError
from lungcam.grid import reorient
from lungcam.lungs import mask_quality
from lungcam.scans import read_scan, write_volume
from lungcam.transforms import prepare
from lungcam.transforms.subject import grid, volume


def test_a_sample_of_the_lungs_view_is_read_and_prepared(phantoms, transforms):
    sample = phantoms.samples[0]
    prepared = prepare_sample(sample, transforms)
    scan = read_scan(sample.image)
    expected = prepare(scan, transforms)
    assert np.array_equal(prepared.scan.hu, scan.hu)
    for name in ("input", "input_lungs", "image", "lungs", "mask"):
        assert np.array_equal(volume(prepared.subject, name), volume(expected, name))
    hu, lungs, mask = (volume(expected, name) for name in ("image", "lungs", "mask"))
    spacing_mm = grid(expected, "image").spacing_mm
    figures = mask_quality(hu, lungs, mask=mask, spacing_mm=spacing_mm)
    assert prepared.quality.figures == figures
    assert prepared.findings == scan.check.findings


def test_the_series_that_a_sample_names_is_read(crops, nodule, two_series):
    folder, uid, series_grid = two_series
    sample = replace(crops[0], image=folder, series_uid=uid, center_mm=None)
    scan = prepare_sample(sample, nodule).scan
    assert scan.series_uid == uid
    assert scan.grid.shape == series_grid.shape
    assert np.allclose(scan.grid.affine, series_grid.affine, atol=1e-4)


def test_a_scan_that_was_read_before_is_not_read_again(crops, nodule):
    scan = read_sample(crops[0], nodule)
    gone = replace(crops[0], image=crops[0].image.with_name("gone.nii.gz"))
    prepared = prepare_sample(gone, nodule, scan=scan)
    assert prepared.scan is scan
    assert prepared.center_mm == crops[0].center_mm
    middle = (np.array(grid(prepared.subject, "input").shape) - 1) / 2
    center = grid(prepared.subject, "input").to_world(middle)
    assert center == pytest.approx(np.array(crops[0].center_mm))


def test_a_centre_outside_a_crop_is_a_finding_and_the_middle_is_shown(crops, nodule):
    x, y, z = crops[0].center_mm
    prepared = prepare_sample(replace(crops[0], center_mm=(x + 200, y, z)), nodule)
    assert prepared.center_mm is None
    assert [finding.code for finding in prepared.findings] == ["center_outside"]


def test_a_centre_outside_a_whole_scan_is_refused(phantoms, nodule):
    sample = next(phantom for phantom in phantoms.samples if phantom.center_mm is not None)
    x, y, z = sample.center_mm
    with pytest.raises(InputError, match="outside the image; check its coordinates") as error:
        prepare_sample(replace(sample, center_mm=(x + 2000, y, z)), nodule)
    assert str(error.value).startswith(f"{sample.image}: ")


def test_a_whole_scan_without_a_centre_is_refused_by_the_nodule_view_alone(
    phantoms, crops, nodule, transforms
):
    sample = replace(phantoms.samples[0], center_mm=None)
    scan = read_sample(sample, transforms)
    assert lacks_center(sample, nodule, scan=scan)
    assert not lacks_center(sample, transforms, scan=scan)
    crop = replace(crops[0], center_mm=None)
    assert not lacks_center(crop, nodule, scan=read_sample(crop, nodule))
    with pytest.raises(InputError, match="no centre of a nodule is known"):
        prepare_sample(sample, nodule)


def test_given_lungs_replace_those_of_the_air(phantoms, transforms, tmp_path):
    sample = replace(phantoms.samples[0], center_mm=None)
    plain = prepare_sample(sample, transforms)
    stored = plain.scan.grid
    lungs = volume(plain.subject, "lungs").copy()
    # the lower lobes are opaque: given as lung, although they hold no air
    hu = reorient(plain.scan.hu, stored, target=stored.canonical).copy()
    low = lungs.copy()
    low[:, :, lungs.shape[2] // 2 :] = False
    hu[low] = 30
    file, image = tmp_path / "lungs.nii.gz", tmp_path / "opaque.nii.gz"
    write_volume(file, lungs, grid=stored.canonical)
    write_volume(image, hu, grid=stored.canonical)
    opaque = replace(sample, image=image, lungs_mask=file)
    given = prepare_sample(opaque, transforms)
    assert np.array_equal(volume(given.subject, "lungs"), lungs)
    assert volume(given.subject, "mask")[lungs].all()
    # the grid is that of the whole lungs, and values are normalised over the aerated part
    assert np.allclose(grid(given.subject, "input").affine, grid(plain.subject, "input").affine)
    aerated = volume(given.subject, "input_aerated")
    values = volume(given.subject, "input")
    assert 0.2 < aerated.sum() / volume(given.subject, "input_lungs").sum() < 0.8
    assert abs(values[aerated].mean()) < 0.01
    assert values[aerated].std() == pytest.approx(1, abs=0.01)
    # without them the opaque part is not seen as lung
    without = prepare_sample(replace(opaque, lungs_mask=None), transforms)
    assert volume(without.subject, "lungs")[low].mean() < 0.2


def test_the_cache_distinguishes_masks_segments_and_readers(phantoms, transforms, tmp_path):
    sample = phantoms.samples[0]
    lungs = tmp_path / "lungs.nii.gz"
    lungs.write_bytes(b"any")
    variants = [
        sample,
        replace(sample, lungs_mask=lungs),
        replace(sample, lungs_mask=lungs, lungs_segment="3"),
        replace(sample, time=0),
        replace(sample, tilt="refuse"),
    ]
    named = [replace(variant, sample_id=str(k)) for k, variant in enumerate(variants)]
    files = plan(named, transforms, root=tmp_path / "cache").files
    assert len(set(files.values())) == len(variants)
