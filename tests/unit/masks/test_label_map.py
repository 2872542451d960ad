"""Masks in NIfTI, NRRD and MetaImage, on grids of any direction, against SimpleITK."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.masks import Mask, MaskFault, mask_on
from lungcam.masks.label_map import read_label_map
from lungcam.masks.mask import share_on
from lungcam.scans import write_volume

TARGET = Grid((40, 36, 30), np.diag([2.0, 2.0, 3.0, 1.0]))


def grid_about_middle(turn: np.ndarray, spacing: tuple[float, ...], shape=(50, 44, 40)) -> Grid:
    """Return a grid turned about the middle of the target."""
    affine = np.eye(4)
    affine[:3, :3] = turn * spacing
    middle = TARGET.to_world((np.array(TARGET.shape) - 1) / 2)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def blob(grid: Grid) -> np.ndarray:
    """Return an ellipsoid off the middle, by the places of the voxels."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)
    offset = grid.to_world(index) - (36, 30, 50)
    return ((offset / (14, 10, 12)) ** 2).sum(axis=-1) < 1


def written(folder, mask: np.ndarray, grid: Grid, suffix: str):
    """Write a mask by nibabel, or by SimpleITK for the other formats."""
    file = folder / f"mask{suffix}"
    if suffix == ".nii.gz":
        write_volume(file, mask, grid=grid)
        return file
    image = sitk.GetImageFromArray(mask.T.astype(np.uint8))
    lps = LPS_TO_RAS @ grid.affine
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(lps[:3, 3])
    image.SetDirection((lps[:3, :3] / grid.spacing_mm).ravel())
    sitk.WriteImage(image, str(file))
    return file


TURNS = {
    "none": np.eye(3),
    "mirrored": np.diag([-1.0, -1, 1]),
    "permuted": np.eye(3)[[2, 0, 1]] * (1, -1, 1),
    "oblique": Rotation.from_euler("xyz", [17, -11, 29], degrees=True).as_matrix(),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (0.9, 1.1, 1.3)])
def test_a_mask_on_any_grid_covers_the_same_place(tmp_path, turn, suffix, spacing):
    shape = (90, 76, 70) if spacing[0] < 1 else (50, 44, 40)
    grid = grid_about_middle(TURNS[turn], spacing, shape)
    file = written(tmp_path, blob(grid), grid, suffix)
    inside, expected = mask_on(read_label_map(file), TARGET), blob(TARGET)
    overlap = 2 * (inside & expected).sum() / (inside.sum() + expected.sum())
    assert overlap > 0.95
    assert inside.sum() == pytest.approx(expected.sum(), rel=0.02)
    shift = np.argwhere(inside).mean(axis=0) - np.argwhere(expected).mean(axis=0)
    assert np.abs(shift).max() < 0.1


def test_oblique_resampling_agrees_with_simpleitk(tmp_path):
    grid = grid_about_middle(TURNS["oblique"], (2.5, 2.2, 3.5), (40, 40, 30))
    mask = np.random.default_rng(0).random(grid.shape) < 0.5
    mask[0] = mask[-1] = mask[:, 0] = mask[:, -1] = mask[:, :, 0] = mask[:, :, -1] = False
    file = written(tmp_path, mask, grid, ".mha")
    lps = LPS_TO_RAS @ TARGET.affine
    theirs = sitk.Resample(
        sitk.Cast(sitk.ReadImage(str(file)), sitk.sitkFloat64),
        TARGET.shape,
        sitk.Transform(),
        sitk.sitkLinear,
        lps[:3, 3].tolist(),
        TARGET.spacing_mm,
        (lps[:3, :3] / TARGET.spacing_mm).ravel().tolist(),
        0.0,
    )
    expected = sitk.GetArrayFromImage(theirs).T
    assert np.abs(share_on(read_label_map(file), TARGET) - expected).max() < 1e-5


def test_a_sheared_grid_is_resampled():
    grid = grid_about_middle(np.eye(3), (1.0, 1.0, 3.0), (70, 80, 30))
    sheared = grid.affine.copy()
    sheared[1, 2] += 0.8
    grid = Grid(grid.shape, sheared)
    inside = mask_on(Mask(share=blob(grid), grid=grid), TARGET)
    expected = blob(TARGET)
    assert 2 * (inside & expected).sum() / (inside.sum() + expected.sum()) > 0.95


def named_nifti(folder, values: np.ndarray) -> "nib.Nifti1Image":
    """Write a label map with the names that TotalSegmentator stores."""
    image = nib.Nifti1Image(values.astype(np.uint8), np.eye(4))
    labels = "".join(
        f'<Label Key="{key}" Red="1" Green="0" Blue="0" Alpha="1"><![CDATA[{name}]]></Label>'
        for key, name in {1: "heart", 2: "lung_upper_lobe_left", 3: "aorta"}.items()
    )
    text = (
        f'<?xml version="1.0"?><CaretExtension><LabelTable>{labels}</LabelTable></CaretExtension>'
    )
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, text.encode()))
    nib.save(image, folder / "named.nii.gz")
    return folder / "named.nii.gz"


def test_labels_are_chosen_by_number_and_by_name(tmp_path):
    values = np.random.default_rng(0).integers(0, 4, (6, 5, 4))
    file = named_nifti(tmp_path, values)
    for segment, labels in {
        None: (1, 2, 3),
        "2": (2,),
        "heart": (1,),
        "Lung_Upper_Lobe_Left, 3": (2, 3),
    }.items():
        assert np.array_equal(read_label_map(file, segment).share, np.isin(values, labels))
    with pytest.raises(MaskFault, match=r"no label tumour; it has 1 \(heart\), 2 \(lung_upper"):
        read_label_map(file, "tumour")


def test_names_of_3d_slicer_are_known(tmp_path):
    values = np.random.default_rng(0).integers(0, 3, (6, 5, 4)).astype(np.uint8)
    image = sitk.GetImageFromArray(values.T)
    for key, text in {
        "Segment0_Name": "Left tumour", "Segment0_LabelValue": "2",
        "Segment1_Name": "vessel", "Segment1_LabelValue": "1",
    }.items():  # fmt: skip
        image.SetMetaData(key, text)
    sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    mask = read_label_map(tmp_path / "a.seg.nrrd", "left tumour")
    assert np.array_equal(mask.share, values == 2)


def test_probabilities_are_shares_and_other_values_are_not(tmp_path):
    values = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
    for scale, expected in ((1, values), (3, np.ones(values.shape))):
        nib.save(nib.Nifti1Image(values * scale, np.eye(4)), tmp_path / "p.nii")
        assert np.allclose(read_label_map(tmp_path / "p.nii").share, expected)


@pytest.mark.parametrize("fault", ["no place", "two volumes", "colours", "damaged", "empty"])
def test_a_file_without_a_single_placed_volume_is_refused(tmp_path, fault):
    file, values = tmp_path / "m.nii", np.ones((6, 5, 4), np.uint8)
    image = nib.Nifti1Image(values, np.eye(4))
    if fault == "no place":
        image.header.set_sform(None, code=0)
        image.header.set_qform(None, code=0)
        image.set_sform(None, code=0)
        image.set_qform(None, code=0)
    elif fault == "two volumes":
        image = nib.Nifti1Image(np.ones((6, 5, 4, 2), np.uint8), np.eye(4))
    elif fault == "colours":
        image = nib.Nifti1Image(np.ones((6, 5, 4), np.complex64), np.eye(4))
    nib.save(image, file)
    if fault in ("damaged", "empty"):
        file.write_bytes(file.read_bytes()[: 360 if fault == "damaged" else 0])
    with pytest.raises(MaskFault):
        read_label_map(file)
