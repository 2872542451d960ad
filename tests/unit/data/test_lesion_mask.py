"""Masks of lesions on the network's grid, against SimpleITK's resampling."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.cohorts import Sample
from lungcam.data.lesion_mask import FULL_SHARE, lesion_share
from lungcam.errors import InputError
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans import Scan, write_volume

# RAS axes in another order and direction, mm of a voxel along each
ORDERS = {
    "RAS": ((0, 1, 2), (1, 1, 1)),
    "LPS": ((0, 1, 2), (-1, -1, 1)),
    "AIL": ((1, 2, 0), (1, -1, -1)),
}
TARGET = Grid((12, 10, 9), np.eye(4))


def sample_of(file: Path, *, checked: bool = True) -> Sample:
    """Return a sample with this mask, one that lungcam made by default."""
    return Sample(
        sample_id="a",
        patient_id="a",
        image=file.parent / "scan.nii",
        label=1,
        label_source="",
        lesion_mask=file,
        lesion_checked=checked,
    )


def scan_around(grid: Grid) -> Scan:
    """Return a crop of soft tissue on a grid."""
    hu = np.full(grid.shape, 40, np.int16)
    return Scan(name="scan", source=Path("scan.nii"), hu=hu, grid=grid)


def lesion_on(order: str) -> tuple[np.ndarray, Grid]:
    """Make a random lesion on a box of voxels of 1.5, 1.2 and 2 mm that overlaps the target."""
    axes, signs = ORDERS[order]
    shape = (7, 8, 5)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (axis, sign, mm) in enumerate(zip(axes, signs, (1.5, 1.2, 2.0), strict=True)):
        affine[axis, column] = sign * mm
    middle = np.array([5.2, 4.1, 3.7])
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    mask = np.random.default_rng(3).random(shape) < 0.6
    return mask, Grid(shape, affine)


def by_sitk(file: Path) -> np.ndarray:
    """Interpolate a mask linearly on the target's grid, with 0 beyond its faces."""
    mask = sitk.Cast(sitk.ReadImage(str(file)) != 0, sitk.sitkFloat64)
    onto = LPS_TO_RAS @ TARGET.affine
    share = sitk.Resample(
        mask,
        TARGET.shape,
        sitk.Transform(),
        sitk.sitkLinear,
        onto[:3, 3].tolist(),
        TARGET.spacing_mm,
        (onto[:3, :3] / TARGET.spacing_mm).ravel().tolist(),
        0.0,
    )
    return sitk.GetArrayFromImage(share).T


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_mask_on_a_box_of_the_scan_agrees_with_simpleitk(tmp_path, order, suffix):
    mask, grid = lesion_on(order)
    file = tmp_path / "mask.nii.gz"
    write_volume(file, mask, grid=grid)
    if suffix != ".nii.gz":
        image = sitk.ReadImage(str(file))
        file = tmp_path / f"mask{suffix}"
        sitk.WriteImage(image, str(file))
    share = lesion_share(sample_of(file), TARGET)
    assert (share.dtype, share.shape) == (np.uint8, TARGET.shape)
    expected = by_sitk(file)
    assert np.abs(share / FULL_SHARE - expected).max() <= 0.5 / FULL_SHARE + 1e-4
    assert share.max() == FULL_SHARE
    # the box ends within the target, and the lesion with it
    assert (share == 0).any()
    assert 0.1 < expected.mean() < 0.6


@pytest.mark.parametrize("value", [1, 7, -3])
def test_every_nonzero_value_is_lesion(tmp_path, value):
    volume = np.zeros(TARGET.shape, np.int16)
    volume[3:6, 2:5, 4:8] = value
    write_volume(tmp_path / "mask.nii", volume, grid=TARGET)
    assert np.array_equal(
        lesion_share(sample_of(tmp_path / "mask.nii"), TARGET), FULL_SHARE * (volume != 0)
    )


def test_a_coarser_grid_keeps_the_volume_of_the_lesion(tmp_path):
    volume = np.zeros((32, 32, 32), np.uint8)
    volume[9:20, 8:23, 10:21] = 1
    write_volume(tmp_path / "mask.nii", volume, grid=Grid(volume.shape, np.eye(4)))
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = 0.5
    share = lesion_share(sample_of(tmp_path / "mask.nii"), Grid((16, 16, 16), affine))
    assert 8 * share.sum() / FULL_SHARE == pytest.approx(volume.sum(), rel=0.01)


def test_a_mask_outside_the_grid_is_empty(tmp_path):
    mask, grid = lesion_on("RAS")
    affine = grid.affine.copy()
    affine[0, 3] += 100
    write_volume(tmp_path / "mask.nii", mask, grid=Grid(grid.shape, affine))
    assert not lesion_share(sample_of(tmp_path / "mask.nii"), TARGET).any()


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("kind", ["gone", "broken"])
def test_an_unusable_mask_is_named_in_one_line(tmp_path, kind, checked):
    file = tmp_path / "mask.nii"
    if kind == "broken":
        file.write_bytes(b"this is no NIfTI")
    with pytest.raises(InputError) as caught:
        lesion_share(sample_of(file, checked=checked), TARGET, scan=scan_around(TARGET))
    message = str(caught.value)
    assert message.startswith(f"{file}: cannot be used as the mask of a lesion: ")
    assert message.endswith("replace it, or leave the table's cell empty.")
    assert "\n" not in message


def test_a_mask_across_the_scan_is_resampled_onto_it(tmp_path):
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    shape = (9, 9, 9)
    affine = turn.copy()
    affine[:3, 3] = np.array([5.5, 4.5, 4]) - turn[:3, :3] @ ((np.array(shape) - 1) / 2)
    write_volume(tmp_path / "mask.nii", np.ones(shape, bool), grid=Grid(shape, affine))
    sample = sample_of(tmp_path / "mask.nii", checked=False)
    share = lesion_share(sample, TARGET, scan=scan_around(TARGET)) / FULL_SHARE
    # a square of 9 mm, turned, and partly outside the target
    index = np.stack(np.meshgrid(*map(np.arange, TARGET.shape), indexing="ij"), -1)
    own = (index - (5.5, 4.5, 4)) @ turn[:3, :3]
    inside = (np.abs(own) < 4.5).all(axis=-1)
    assert (share[inside] > 0.5).mean() > 0.85
    assert (share[~inside] < 0.5).mean() > 0.85
    assert share.sum() == pytest.approx(9**3, rel=0.03)


def test_a_mask_of_the_user_is_compared_with_the_scan_on_disk(tmp_path):
    grid = Grid((60, 60, 60), np.diag([1.0, 1, 1, 1]))
    rng = np.random.default_rng(0)
    hu = rng.normal(-850, 30, grid.shape)
    lesion = np.zeros(grid.shape, bool)
    lesion[10:20, 12:22, 14:24] = True
    hu[lesion] = rng.normal(30, 30, lesion.sum())
    hu[:, 50:] = 40
    write_volume(tmp_path / "scan.nii", hu.astype(np.int16), grid=grid)
    write_volume(tmp_path / "mask.nii", lesion, grid=grid)
    sample = sample_of(tmp_path / "mask.nii", checked=False)
    assert np.array_equal(lesion_share(sample, grid) > 0, lesion)
    write_volume(tmp_path / "mask.nii", lesion[::-1], grid=grid)
    with pytest.raises(InputError, match="left and right are exchanged"):
        lesion_share(sample, grid)
