"""Tests of written volumes against nibabel and SimpleITK."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from lungcam.grid import Grid
from lungcam.scans import read_scan, write_volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def make_affine(directions, spacing=(0.703, 0.8, 2.5), origin=(-170.31, 95.5, -321.75)):
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(directions) * spacing
    affine[:3, 3] = origin
    return affine


AFFINES = {
    "RAS": make_affine(np.eye(3)),
    "LPS": make_affine(np.diag([-1, -1, 1])),
    "left-handed": make_affine(np.diag([-1, 1, 1])),
    "swapped": make_affine(np.eye(3)[:, [2, 0, 1]]),
    "oblique": make_affine(Rotation.from_euler("xyz", [10, -20, 35], degrees=True).as_matrix()),
}


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_nibabel_and_simpleitk_read_a_written_volume(tmp_path, hu, affine, suffix, dtype):
    file = tmp_path / f"volume{suffix}"
    write_volume(file, hu.astype(dtype), grid=Grid(hu.shape, affine))

    by_nibabel = nib.load(file)
    assert by_nibabel.get_data_dtype() == dtype
    assert np.array_equal(np.asanyarray(by_nibabel.dataobj), hu)
    assert np.abs(by_nibabel.get_sform() - affine).max() < 1e-4
    assert np.abs(by_nibabel.get_qform() - affine).max() < 1e-4

    by_sitk = sitk.ReadImage(str(file))
    assert np.array_equal(sitk.GetArrayFromImage(by_sitk).transpose(2, 1, 0), hu)
    for index in [(0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4), (6, 5, 4)]:
        lps = by_sitk.TransformIndexToPhysicalPoint(index)
        ras = LPS_TO_RAS[:3, :3] @ lps
        assert ras == pytest.approx(Grid(hu.shape, affine).to_world(index), abs=1e-4)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_written_scan_is_read_back(tmp_path, hu, affine):
    file = tmp_path / "volume.nii.gz"
    write_volume(file, hu, grid=Grid(hu.shape, affine))
    scan = read_scan(file, whole_chest=False)
    assert np.array_equal(scan.hu, hu)
    assert np.abs(scan.grid.affine - affine).max() < 1e-4


def test_mask_is_written_as_zeros_and_ones(tmp_path, hu):
    file = tmp_path / "mask.nii.gz"
    write_volume(file, hu > 0, grid=Grid(hu.shape, np.eye(4)))
    image = nib.load(file)
    assert image.get_data_dtype() == np.uint8
    assert np.array_equal(np.asanyarray(image.dataobj), (hu > 0).astype(np.uint8))


def test_views_in_any_memory_order_are_written_correctly(tmp_path, hu):
    file = tmp_path / "volume.nii.gz"
    view = hu[::-1, :, ::2]
    write_volume(file, view, grid=Grid(view.shape, np.eye(4)))
    assert np.array_equal(np.asanyarray(nib.load(file).dataobj), view)


def test_volume_is_written_in_scanner_coordinates_and_mm(tmp_path, hu):
    write_volume(tmp_path / "volume.nii", hu, grid=Grid(hu.shape, np.eye(4)))
    header = nib.load(tmp_path / "volume.nii").header
    assert header["sform_code"] == header["qform_code"] == 1
    assert header.get_xyzt_units()[0] == "mm"


def test_folder_is_created_and_holds_only_the_volume(tmp_path, hu):
    write_volume(tmp_path / "a" / "b" / "volume.nii.gz", hu, grid=Grid(hu.shape, np.eye(4)))
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["volume.nii.gz"]
