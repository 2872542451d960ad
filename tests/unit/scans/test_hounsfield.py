"""Tests of padding, which becomes air, and of the evidence that values are HU."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from lungcam.findings import ScanCheck
from lungcam.scans import check_scan, read_scan
from lungcam.scans.hounsfield import check_overflow, check_values, round_to_int16


@pytest.fixture
def round_view(hu):
    """Return HU and the voxels outside an elliptical field of view."""
    x, y = np.indices(hu.shape[:2])
    outside = ((x - 5.5) / 6.2) ** 2 + ((y - 5) / 5.7) ** 2 > 1
    return hu, np.repeat(outside[:, :, None], hu.shape[2], axis=2)


@pytest.mark.parametrize("low", [-1500, -2000, -2048, -3024, -32768])
def test_low_values_become_air(tmp_path, round_view, write_series, low):
    hu, outside = round_view
    write_series(tmp_path, np.where(outside, low, hu).astype(np.int16), rescale=((1, 0),))
    scan = read_scan(tmp_path)
    assert np.array_equal(scan.hu, np.where(outside, -1024, hu))
    (finding,) = scan.check.findings
    assert (finding.code, finding.outcome) == ("padding", "repaired")
    assert f"lowest {low}" in finding.message
    assert f"{outside.sum()} voxels" in finding.message


@pytest.mark.parametrize(
    ("signed", "stored"), [(1, -3000), (0, 65535), (0, 8000), (1, 20000), (0, 10)]
)
def test_padding_value_that_cannot_be_tissue_becomes_air(
    tmp_path, round_view, write_series, signed, stored
):
    hu, outside = round_view
    rescale = ((1, -1024),)
    padded = np.where(outside, np.int64(stored) - 1024, hu).astype(np.int64)
    expected = np.where(outside, -1024, np.where(hu == stored - 1024, -1024, hu))
    write_series(
        tmp_path,
        # beyond int16 the stored value wraps around, as in a file
        padded,
        rescale=rescale,
        PixelRepresentation=signed,
        PixelPaddingValue=stored,
    )
    assert np.array_equal(read_scan(tmp_path).hu, expected)


def test_padding_value_within_tissue_becomes_air_if_all_corners_hold_it(
    tmp_path, round_view, write_series
):
    hu, outside = round_view
    padded = np.where(outside, 0, hu).astype(np.int16)
    padded[6, 5] = 0  # a true zero within the body
    write_series(tmp_path / "a", padded, PixelPaddingValue=1024)
    scan = read_scan(tmp_path / "a")
    assert (scan.hu[outside & (scan.hu != 0)] == -1024).all()
    assert (scan.hu[[0, 0, -1, -1], [0, -1, 0, -1]] == -1024).all()
    assert (scan.hu[6, 5] == 0).all()
    assert [finding.code for finding in scan.check.findings] == ["padding"]

    padded[0, 0, 3] = -1000
    write_series(tmp_path / "b", padded, PixelPaddingValue=1024)
    assert np.array_equal(read_scan(tmp_path / "b").hu, padded)


def test_padding_value_without_voxels_changes_nothing(tmp_path, hu, write_series):
    write_series(tmp_path, hu, PixelPaddingValue=63536, PixelRepresentation=0)
    check, scan = check_scan(tmp_path)
    assert check.findings == []
    assert np.array_equal(scan.hu, hu)


# --- values that are HU plus a constant, or wrapped around 16 bits --------------------------


def findings_of(hu, *, whole_chest=False) -> set[tuple[str, str]]:
    check = ScanCheck("scan")
    check_values(check, np.clip(hu, -32768, 32767).astype(np.int16), whole_chest=whole_chest)
    return {(finding.code, finding.outcome) for finding in check.findings}


@pytest.fixture(scope="module")
def nodule_crops(sample_data):
    """Values of 665 real crops around nodules."""
    files = sorted((sample_data / "lidc_nodules" / "images").iterdir())
    assert len(files) == 665
    return [np.asanyarray(nib.load(file).dataobj).astype(np.int32) for file in files]


@pytest.mark.parametrize("shift", [-1024, -1000, 0, 1000, 1024])
def test_shifted_crops_are_never_taken_as_hu(nodule_crops, shift):
    outcomes = [findings_of(crop + shift) for crop in nodule_crops]
    if shift == 0:
        assert outcomes == [set()] * 665
        return
    refused = sum(("not_hu", "refused") in outcome for outcome in outcomes)
    # where a crop holds lung alone, a warning says that it cannot be decided
    assert outcomes.count(set()) == 0
    assert refused >= 655


@pytest.mark.parametrize("shift", [-1024, -1000, 0, 1000, 1024])
def test_shifted_whole_scans_are_refused_with_their_padding(lidc_series, shift):
    """Padding of -2048 is air once 1024 is added: it must not count as the air of a chest."""
    files = sorted(lidc_series.glob("*.dcm"))[::4]
    stored = np.stack([pydicom.dcmread(file).pixel_array for file in files], axis=-1)
    hu = stored.transpose(1, 0, 2).astype(np.int32) - 1024 + shift
    assert hu.min() <= -1500 + shift
    expected = {("not_hu", "refused")} if shift else set()
    assert findings_of(hu, whole_chest=True) == expected


def test_crop_of_tissue_alone_is_flagged_since_nothing_shows_its_scale():
    rng = np.random.default_rng(0)
    muscle = rng.normal(50, 15, (20, 20, 20))
    assert findings_of(muscle) == {("no_lung_values", "flagged")}
    lung = rng.normal(-860, 40, (20, 20, 20))
    lung[8:12, 8:12, 8:12] = muscle[8:12, 8:12, 8:12]
    assert findings_of(lung) == set()
    assert findings_of(lung + 1024) == findings_of(lung + 1000) == {("not_hu", "refused")}


@pytest.mark.parametrize("lost", ["sign", "metal"])
def test_values_wrapped_around_16_bits_are_refused(hu, lost):
    values = np.tile(hu, (3, 3, 3)).astype(np.int32)
    if lost == "sign":
        overflow = round_to_int16(values.astype(np.uint16))[1]
        check = ScanCheck("scan")
        check_overflow(check, overflow, size=values.size, place="the volume")
        assert [finding.outcome for finding in check.findings] == ["refused"]
        return
    values[5:9, 5:9, 5] = np.linspace(20_000, 34_000, 16).reshape(4, 4)
    assert findings_of(values) == set()
    wrapped = values.astype(np.int16)
    assert wrapped.min() < -30_000
    assert findings_of(wrapped) == {("not_hu", "refused")}


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_block_of_metal_above_int16_is_cut_off(tmp_path, hu, dtype):
    values = np.tile(hu, (2, 2, 2)).astype(dtype)
    values[3:5, 3:5, 3] = 40_000
    image = sitk.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing((5, 5, 6))
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    scan = read_scan(tmp_path / "a.mha")
    assert np.array_equal(scan.hu, np.minimum(values, 32767))
    assert [(f.code, f.outcome) for f in scan.check.findings] == [("int16_overflow", "repaired")]


def test_nan_around_a_round_image_becomes_air_and_within_it_is_refused(tmp_path, round_view):
    hu, outside = round_view
    values = np.where(outside, np.nan, hu).astype(np.float32)
    affine = np.diag([9, 9.5, 11, 1])
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    scan = read_scan(tmp_path / "a.nii.gz")
    assert np.array_equal(scan.hu, np.where(outside, -1024, hu))
    assert [(f.code, f.outcome) for f in scan.check.findings] == [("padding", "repaired")]

    values[6, 5, 5] = np.nan
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "b.nii.gz")
    check, scan = check_scan(tmp_path / "b.nii.gz")
    assert scan is None
    assert [finding.code for finding in check.findings] == ["not_finite"]
    assert check.findings[0].message.startswith("1 NaN")
