"""Tests of gantry tilt: straightened slices against SciPy's interpolation at the true places."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from lungcam.grid import LPS_TO_RAS
from lungcam.scans import check_scan, read_scan

SHEARS = {
    "head first": (0, 2.3, 0),
    "feet first": (0, -2.3, 0),
    "to the side": (1.4, 0, 0),
    "both": (-1.2, 1.9, 0),
}
SPACING = (9, 9.5, 11)


@pytest.fixture
def smooth():
    """Return `(14, 13, 12)` HU with a bright lesion, smooth enough for interpolation to matter."""
    noise = np.random.default_rng(0).normal(0, 1, (14, 13, 12))
    volume = ndimage.gaussian_filter(noise, 1.2)
    volume = np.interp(volume, (volume.min(), volume.max()), (-1000, 300))
    volume[6:8, 5:7, 5:7] = 900
    return volume.astype(np.int16)


def sampled(hu, affine, grid):
    """Return HU at the voxels of a grid, by SciPy, with the true affine of sheared voxels."""
    voxels = np.stack(np.indices(grid.shape), axis=-1)
    index = (grid.to_world(voxels) - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    # slices stay slices
    assert np.allclose(index[..., 2], np.rint(index[..., 2]), atol=1e-4)
    index[..., 2] = np.rint(index[..., 2])
    return ndimage.map_coordinates(
        hu.astype(float), np.moveaxis(index, -1, 0), order=1, mode="grid-constant", cval=-1024
    )


def tilted_affine(shear, spacing=SPACING, origin=(-120.5, -98.25, 31.0)):
    lps = np.diag([*spacing, 1.0])
    lps[:3, 2] += shear
    lps[:3, 3] = origin
    return LPS_TO_RAS @ lps


def check_straightened(scan, hu, affine):
    assert [(f.code, f.outcome) for f in scan.check.findings] == [("gantry_tilt", "repaired")]
    axes = scan.grid.affine[:3, :3] / scan.grid.spacing_mm
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    assert np.abs(scan.hu - sampled(hu, affine, scan.grid)).max() <= 0.51
    # no voxel is lost: each has a place in the new volume
    corners = np.array(np.meshgrid(*([0, n - 1] for n in hu.shape))).reshape(3, -1).T
    places = scan.grid.to_index(corners @ affine[:3, :3].T + affine[:3, 3])
    assert (places > -1e-4).all()
    assert (places < np.array(scan.grid.shape) - 1 + 1e-4).all()


@pytest.mark.parametrize("shear", SHEARS.values(), ids=SHEARS)
def test_tilted_series_is_straightened(tmp_path, smooth, write_series, shear):
    write_series(tmp_path, smooth, spacing=SPACING, shear=shear)
    scan = read_scan(tmp_path)
    check_straightened(scan, smooth, tilted_affine(shear))
    # the files' planes are no longer those of the volume
    assert scan.slices == ()
    check, refused = check_scan(tmp_path, tilt="refuse")
    assert refused is None
    assert [(f.code, f.outcome) for f in check.findings] == [("gantry_tilt", "refused")]


@pytest.mark.parametrize("shear", SHEARS.values(), ids=SHEARS)
def test_sheared_volume_file_is_straightened(tmp_path, smooth, shear):
    affine = tilted_affine(shear)
    nib.save(nib.Nifti1Image(smooth, affine), tmp_path / "a.nii.gz")
    check_straightened(read_scan(tmp_path / "a.nii.gz"), smooth, affine)
    assert check_scan(tmp_path / "a.nii.gz", tilt="refuse")[1] is None


@pytest.mark.parametrize("spacing", [(9, 9.5, 11), (0.8, 0.8, 3)])
def test_untilted_reading_would_displace_the_lesion(tmp_path, smooth, write_series, spacing):
    """Planted fault: without straightening the lesion lies millimetres away."""
    shear = (0, spacing[2] * np.tan(np.radians(15)), 0)
    write_series(tmp_path, smooth, spacing=spacing, shear=shear)
    scan = read_scan(tmp_path, whole_chest=False)
    affine = tilted_affine(shear, spacing)
    lesion = ndimage.center_of_mass(smooth > 600)
    expected = affine[:3, :3] @ lesion + affine[:3, 3]
    place = scan.grid.to_world(ndimage.center_of_mass(np.maximum(scan.hu, 400) - 400.0))
    assert np.linalg.norm(place - expected) < 0.5 * max(spacing[:2])
    upright = tilted_affine((0, 0, 0), spacing)
    displaced = upright[:3, :3] @ lesion + upright[:3, 3]
    assert np.linalg.norm(displaced - expected) > 1.1 * spacing[2]


@pytest.mark.parametrize("shear", [(0, 12, 0), (20, 0, 0)])
def test_more_than_45_degrees_are_refused(tmp_path, smooth, write_series, shear):
    write_series(tmp_path, smooth, spacing=SPACING, shear=shear)
    check, scan = check_scan(tmp_path)
    assert scan is None
    assert [(f.code, f.outcome) for f in check.findings] == [("gantry_tilt", "refused")]


def test_axes_within_a_slice_that_are_sheared_are_refused(tmp_path, smooth):
    affine = tilted_affine((0, 0, 0))
    affine[0, 1] += 2
    nib.save(nib.Nifti1Image(smooth, affine), tmp_path / "a.nii.gz")
    check, scan = check_scan(tmp_path / "a.nii.gz")
    assert scan is None
    assert [(f.code, f.outcome) for f in check.findings] == [("gantry_tilt", "refused")]


def test_padding_is_air_before_it_is_interpolated(tmp_path, smooth, write_series):
    smooth[:, :2] = -2000
    write_series(tmp_path, smooth, spacing=SPACING, shear=(0, 2.3, 0), rescale=((1, 0),))
    assert read_scan(tmp_path).hu.min() == -1024
