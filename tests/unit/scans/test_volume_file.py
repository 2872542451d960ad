"""Tests of volume files: values and positions against SimpleITK, and refusals."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from lungcam.errors import InputError
from lungcam.scans import read_scan

DIRECTIONS = {
    "LPS": np.eye(3),
    "flipped": np.diag([-1.0, 1.0, -1.0]),
    "swapped": np.eye(3)[:, [1, 2, 0]],
    "oblique": Rotation.from_euler("xyz", [15, -25, 40], degrees=True).as_matrix(),
}
AFFINE = np.diag([9, 9.5, 11, 1])


def image_of(values, direction=None, spacing=(9, 9.5, 11), origin=(-120.5, -98.25, 31)):
    """Return the SimpleITK image of a `(W, H, D)` array."""
    image = sitk.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(np.ravel(np.eye(3) if direction is None else direction).tolist())
    return image


def refused(path, **settings) -> str:
    """Return the line with which a path is refused."""
    with pytest.raises(InputError) as caught:
        read_scan(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.mhd", "a.nrrd"])
@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_voxel_positions_agree_with_simpleitk(tmp_path, hu, name, direction, packed):
    sitk.WriteImage(image_of(hu, direction), str(tmp_path / name), useCompression=packed)
    assert (tmp_path / "a.raw").exists() == (name == "a.mhd" and not packed)
    scan = read_scan(tmp_path / name)
    reference = sitk.ReadImage(str(tmp_path / name))
    assert scan.hu.dtype == np.int16
    assert np.array_equal(scan.hu, hu)
    assert scan.grid.shape == hu.shape
    for index in [(0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4), (3, 2, 1)]:
        x, y, z = reference.TransformIndexToPhysicalPoint(index)
        assert scan.grid.to_world(index) == pytest.approx(np.array([-x, -y, z]), abs=1e-3)
        assert scan.hu[index] == reference[index]
    assert scan.name == "a"
    assert scan.series_uid is None
    assert scan.warnings == []


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_other_types_are_rounded(tmp_path, hu, name, dtype):
    values = hu.astype(dtype)
    values[1, 0, 0] = -100_000
    values[2, 0, 0] += dtype(0.4)
    expected = hu.copy()
    expected[1, 0, 0] = -1024
    sitk.WriteImage(image_of(values), str(tmp_path / name))
    scan = read_scan(tmp_path / name)
    assert scan.hu.dtype == np.int16
    assert np.array_equal(scan.hu, expected)


def test_scaled_nifti_is_read_in_hu(tmp_path, hu):
    content = bytearray(nib.Nifti1Image((hu + 1024) * np.int16(2), AFFINE).to_bytes())
    content[112:120] = np.array([0.5, -1024], "<f4").tobytes()  # scl_slope, scl_inter
    (tmp_path / "a.nii").write_bytes(content)
    assert np.array_equal(nib.load(tmp_path / "a.nii").get_fdata(), hu)
    assert np.array_equal(read_scan(tmp_path / "a.nii").hu, hu)


def test_nifti_with_a_fourth_axis_of_length_1_is_a_volume(tmp_path, hu):
    nib.save(nib.Nifti1Image(hu[..., None], AFFINE), tmp_path / "a.nii.gz")
    assert np.array_equal(read_scan(tmp_path / "a.nii.gz").hu, hu)


def test_nifti_in_another_unit_is_converted_to_mm(tmp_path, hu):
    image = nib.Nifti1Image(hu, np.diag([0.007, 0.008, 0.011, 1]))
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "a.nii.gz")
    assert read_scan(tmp_path / "a.nii.gz").grid.spacing_mm == pytest.approx((7, 8, 11))


def test_upper_case_suffix_is_read(tmp_path, hu):
    sitk.WriteImage(image_of(hu), str(tmp_path / "a.nrrd"))
    (tmp_path / "a.nrrd").rename(tmp_path / "A.NRRD")
    assert np.array_equal(read_scan(tmp_path / "A.NRRD").hu, hu)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
def test_nan_and_infinite_values_are_refused(tmp_path, hu, name, bad):
    values = hu.astype(np.float32)
    values[3, 2, 1] = bad
    if ".nii" in name:
        nib.save(nib.Nifti1Image(values, AFFINE), tmp_path / name)
    else:
        sitk.WriteImage(image_of(values), str(tmp_path / name))
    assert "NaN" in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("share", [0.9, 0.6, 0.02])
def test_truncated_file_is_refused(tmp_path, hu, name, share):
    sitk.WriteImage(image_of(hu), str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    assert "again" in refused(tmp_path / name)


def test_damaged_compression_is_refused(tmp_path, hu):
    file = tmp_path / "a.nii.gz"
    nib.save(nib.Nifti1Image(np.tile(hu, (4, 4, 4)), AFFINE), file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    file.write_bytes(content)
    refused(file)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"])
@pytest.mark.parametrize("content", [b"", b"hello"])
def test_file_without_a_volume_is_refused(tmp_path, suffix, content):
    file = tmp_path / f"a{suffix}"
    file.write_bytes(content)
    refused(file)


def test_mhd_without_its_raw_is_refused(tmp_path, hu):
    sitk.WriteImage(image_of(hu), str(tmp_path / "a.mhd"))
    (tmp_path / "a.raw").unlink()
    refused(tmp_path / "a.mhd")


@pytest.mark.parametrize("suffix", [".nii", ".mha", ".nrrd"])
def test_image_of_two_dimensions_is_refused(tmp_path, hu, suffix):
    sitk.WriteImage(sitk.GetImageFromArray(hu[:, :, 0]), str(tmp_path / f"a{suffix}"))
    assert "3D" in refused(tmp_path / f"a{suffix}")


def test_time_series_is_refused(tmp_path, hu):
    nib.save(nib.Nifti1Image(np.stack([hu, hu], axis=-1), AFFINE), tmp_path / "a.nii.gz")
    assert "3D" in refused(tmp_path / "a.nii.gz")


def test_colours_are_refused(tmp_path, hu):
    colours = np.zeros((5, 6, 7, 3), np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(colours, isVector=True), str(tmp_path / "a.mha"))
    assert "3D" in refused(tmp_path / "a.mha")
    colours = np.zeros(hu.shape, [(name, "u1") for name in "RGB"])
    nib.save(nib.Nifti1Image(colours, AFFINE), tmp_path / "a.nii")
    assert "3D" in refused(tmp_path / "a.nii")


def test_complex_numbers_are_refused(tmp_path, hu):
    nib.save(nib.Nifti1Image(hu.astype(np.complex64), AFFINE), tmp_path / "a.nii.gz")
    refused(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("lowest", [0, -150])
def test_values_that_are_not_hu_are_refused(tmp_path, hu, lowest):
    sitk.WriteImage(image_of(hu - hu.min() + np.int16(lowest)), str(tmp_path / "a.mha"))
    assert "HU" in refused(tmp_path / "a.mha")


@pytest.mark.parametrize("name", ["nothing", "nothing.nii.gz"])
def test_missing_path_is_refused(tmp_path, name):
    assert "no such file" in refused(tmp_path / name)


def test_text_file_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("a nodule")
    refused(tmp_path / "notes.txt")


def test_folder_of_several_scans_is_refused(tmp_path, hu):
    for name in ("b.mha", "a.mha"):
        sitk.WriteImage(image_of(hu), str(tmp_path / name))
    assert str(tmp_path / "a.mha") in refused(tmp_path)


def test_header_of_luna16_without_its_raw_is_refused(sample_data):
    (header,) = (sample_data / "luna16").glob("*.mhd")
    if header.with_suffix(".raw").exists():
        pytest.skip("the voxels are there")
    refused(header)
