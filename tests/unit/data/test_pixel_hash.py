"""The pixel hash is the same in every file format, and differs for other voxels."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.data import pixel_hash
from lungcam.grid import Grid
from lungcam.scans import Scan, read_scan, write_volume

from ..scans.conftest import _write_series


def noise(shape=(12, 11, 10), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 400, shape).astype(np.int16)


def scan_of(hu: np.ndarray, affine=None) -> Scan:
    return Scan(
        name="a", source=None, hu=hu, grid=Grid(hu.shape, np.eye(4) if affine is None else affine)
    )


def read(path) -> Scan:
    return read_scan(path, whole_chest=False)


@pytest.fixture
def series(tmp_path):
    """Write a DICOM series of noise; return the folder, its voxels and their RAS affine."""
    hu = noise()
    _, affine, _ = _write_series(tmp_path / "dicom", hu, spacing=(0.7, 0.8, 2.5))
    return tmp_path / "dicom", hu, affine


@pytest.mark.parametrize("axes", [(), (0,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("suffix", ["mhd", "nii.gz", "nrrd"])
def test_dicom_and_volume_files_have_the_same_hash_flipped_or_not(series, tmp_path, axes, suffix):
    folder, hu, affine = series
    image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    flipped = sitk.Flip(image, [axis in axes for axis in range(3)])
    sitk.WriteImage(flipped, str(tmp_path / f"scan.{suffix}"))
    assert pixel_hash(read(tmp_path / f"scan.{suffix}")) == pixel_hash(read(folder))


def test_another_order_of_axes_has_the_same_hash(tmp_path):
    hu = noise()
    write_volume(tmp_path / "a.nii.gz", hu, grid=Grid(hu.shape, np.eye(4)))
    turned = hu.transpose(2, 0, 1)
    write_volume(tmp_path / "b.nii.gz", turned, grid=Grid(turned.shape, np.eye(4)[[1, 2, 0, 3]]))
    assert read(tmp_path / "b.nii.gz").hu.shape == (10, 12, 11)
    assert pixel_hash(read(tmp_path / "a.nii.gz")) == pixel_hash(read(tmp_path / "b.nii.gz"))


def test_a_mirrored_scan_has_another_hash():
    hu = noise()
    assert pixel_hash(scan_of(hu)) != pixel_hash(scan_of(hu[::-1].copy()))


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 3), st.integers(0, 99), st.data())
def test_a_change_of_one_hu_in_one_voxel_has_another_hash(shape, seed, data):
    hu = noise(shape, seed)
    other = hu.copy()
    other[tuple(data.draw(st.integers(0, n - 1)) for n in shape)] += 1
    assert pixel_hash(scan_of(hu)) == pixel_hash(scan_of(hu.copy(order="F")))
    assert pixel_hash(scan_of(hu)) != pixel_hash(scan_of(other))


def test_the_same_bytes_in_another_shape_have_another_hash():
    hu = np.zeros((4, 6, 2), np.int16)
    assert pixel_hash(scan_of(hu)) != pixel_hash(scan_of(hu.reshape(6, 4, 2)))


def test_the_hash_of_a_tall_scan_is_unique_and_the_same_when_flipped():
    tall = noise((6, 5, 300))
    down = np.diag([1.0, 1.0, -1.0, 1.0])
    assert pixel_hash(scan_of(tall)) == pixel_hash(scan_of(tall[:, :, ::-1].copy(), down))
    assert pixel_hash(scan_of(tall)) != pixel_hash(scan_of(noise((6, 5, 300), 1)))
    assert pixel_hash(scan_of(tall)) != pixel_hash(scan_of(tall[:, :, 1:].copy()))
