"""Tests of reading DICOM series: values, grid, choice of a series and refusals."""

import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from lungcam.errors import InputError
from lungcam.scans import check_scan, read_scan
from lungcam.scans.slice_geometry import even_part

OBLIQUE = Rotation.from_euler("xyz", [12, -8, 25], degrees=True).as_matrix()
ORIENTATIONS = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "axial, feet first": ((-1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "oblique": (OBLIQUE[:, 0], OBLIQUE[:, 1]),
}


def refused(path, **settings) -> str:
    """Return the line with which a path is refused."""
    with pytest.raises(InputError) as caught:
        read_scan(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize(("row", "column"), ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_values_and_grid_are_read(tmp_path, hu, write_series, row, column):
    uid, affine, _ = write_series(tmp_path, hu, row=row, column=column)
    scan = read_scan(tmp_path)
    assert scan.hu.dtype == np.int16
    assert np.array_equal(scan.hu, hu)
    assert np.abs(scan.grid.affine - affine).max() < 1e-5
    assert scan.grid.spacing_mm == pytest.approx((9, 9.5, 11), abs=1e-6)
    assert scan.series_uid == uid
    assert scan.warnings == []


def test_grid_agrees_with_simpleitk(tmp_path, hu, write_series):
    row, column = ORIENTATIONS["oblique"]
    _, _, files = write_series(tmp_path, hu, row=row, column=column)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path)))
    reference = reader.Execute()
    assert sorted(map(str, files)) == sorted(reader.GetFileNames())
    scan = read_scan(tmp_path)
    for index in [(0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4), (3, 2, 1)]:
        x, y, z = reference.TransformIndexToPhysicalPoint(index)
        assert scan.grid.to_world(index) == pytest.approx(np.array([-x, -y, z]), abs=1e-3)
        assert scan.hu[index] == reference[index]


@pytest.mark.parametrize("seed", range(5))
def test_slices_are_ordered_by_position_not_by_name(tmp_path, hu, write_series, seed):
    _, affine, files = write_series(tmp_path, hu, seed=seed)
    assert np.array_equal(read_scan(tmp_path).hu, hu)
    assert np.abs(read_scan(tmp_path).grid.affine - affine).max() < 1e-5
    assert len({file.name for file in files}) == hu.shape[2]


@pytest.mark.parametrize(
    "rescale", [((1, 0),), ((2, -1024),), ((0.5, -1000),), ((1, -1024), (1, 0), (1, 512))]
)
def test_rescale_of_each_slice_is_applied(tmp_path, hu, write_series, rescale):
    even = hu // 2 * 2
    write_series(tmp_path, even, rescale=rescale)
    assert np.array_equal(read_scan(tmp_path).hu, even)


def test_series_in_a_deeper_folder_is_read(tmp_path, hu, write_series):
    uid, _, _ = write_series(tmp_path / "patient" / "study" / "series", hu)
    scan = read_scan(tmp_path)
    assert scan.series_uid == uid
    assert scan.source == tmp_path / "patient" / "study" / "series"
    assert np.array_equal(scan.hu, hu)


def test_path_may_be_a_string(tmp_path, hu, write_series):
    write_series(tmp_path, hu)
    assert np.array_equal(read_scan(str(tmp_path)).hu, hu)


@pytest.mark.parametrize("name", ["case.nii.gz", "case.mhd"])
def test_folder_named_like_a_volume_file_is_read(tmp_path, hu, write_series, name):
    write_series(tmp_path / name, hu)
    assert np.array_equal(read_scan(tmp_path / name).hu, hu)


def test_disc_with_a_dicomdir_is_read(tmp_path, hu, write_series):
    _, _, files = write_series(tmp_path / "DICOM", hu)
    shutil.copy(files[0], tmp_path / "DICOMDIR")
    assert np.array_equal(read_scan(tmp_path).hu, hu)


@pytest.fixture
def two_series(tmp_path, hu, write_series):
    """Return a folder, the UID of its larger series and that of its smaller series."""
    small, _, files = write_series(tmp_path / "small", hu, origin=(0, 0, 0))
    large, _, _ = write_series(tmp_path / "both", np.concatenate([hu, hu], axis=2))
    for file in files:
        shutil.move(file, tmp_path / "both" / f"small_{file.name}")
    return tmp_path / "both", large, small


def test_larger_of_two_series_is_read_with_a_warning(two_series, hu):
    folder, large, _ = two_series
    scan = read_scan(folder)
    assert scan.series_uid == large
    assert np.array_equal(scan.hu, np.concatenate([hu, hu], axis=2))
    (warning,) = scan.warnings
    assert large in warning


def test_series_is_chosen_by_uid(two_series, hu):
    folder, _, small = two_series
    scan = read_scan(folder, series=small)
    assert scan.series_uid == small
    assert np.array_equal(scan.hu, hu)
    assert scan.grid.to_world((0, 0, 0)) == pytest.approx(np.zeros(3))
    assert scan.warnings == []


def test_unknown_series_is_refused_with_the_available_uids(two_series):
    folder, large, small = two_series
    message = refused(folder, series="1.2.3")
    assert large in message
    assert small in message


def test_other_objects_are_ignored(tmp_path, hu, write_series, edit):
    _, _, others = write_series(tmp_path / "others", hu[:, :, :4])
    edit(others[0], Modality="RTSTRUCT")
    edit(others[1], Modality="SR")
    edit(others[2], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    edit(others[3], ImagePositionPatient=None)
    uid, _, _ = write_series(tmp_path / "series", hu)
    for file in others:
        shutil.move(file, tmp_path / "series" / f"0_{file.name}")
    (tmp_path / "series" / "notes.txt").write_text("a nodule")
    (tmp_path / "series" / "empty.txt").touch()
    (tmp_path / "series" / "link.xml").symlink_to(tmp_path / "gone")
    scan = read_scan(tmp_path / "series")
    assert scan.series_uid == uid
    assert np.array_equal(scan.hu, hu)
    warnings = " ".join(scan.warnings)
    kinds = ("RTSTRUCT", "SR", "localizer", "another series", ".txt", "zero bytes")
    assert all(kind in warnings for kind in kinds)
    assert len(scan.warnings) == 6
    assert scan.check.usable


def test_scan_contains_no_patient_data(tmp_path, hu, write_series):
    write_series(tmp_path, hu, PatientName="Doe^Jane", PatientID="KX4711Q")
    shown = repr(read_scan(tmp_path))
    assert "Jane" not in shown
    assert "KX4711Q" not in shown


def test_missing_slice_is_refused(tmp_path, hu, write_series):
    _, _, files = write_series(tmp_path, hu)
    files[2].unlink()
    message = refused(tmp_path)
    assert files[1].name in message
    assert files[3].name in message
    assert "22.00 mm" in message
    assert "1 slice(s) missing" in message


def test_small_deviations_of_spacing_are_accepted(tmp_path, hu, write_series, edit):
    _, affine, files = write_series(tmp_path, hu)
    edit(files[2], ImagePositionPatient=[-120.5, -98.25, 31 + 2 * 11 + 0.4])
    scan = read_scan(tmp_path)
    assert np.array_equal(scan.hu, hu)
    assert np.abs(scan.grid.affine - affine).max() < 1e-5


def test_different_slices_at_the_same_position_are_refused(tmp_path, hu, write_series, edit):
    _, _, files = write_series(tmp_path, hu)
    shutil.copy(files[2], tmp_path / "copy")
    edit(tmp_path / "copy", PixelData=files[3].read_bytes()[-hu[:, :, 0].nbytes :])
    message = refused(tmp_path)
    assert files[2].name in message
    assert "copy" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Rows": 5}, "size"),
        ({"Columns": 6}, "size"),
        ({"PixelSpacing": [0.9, 0.8]}, "pixel spacing"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "orientation"),
    ],
)
def test_slices_that_do_not_fit_together_are_refused(
    tmp_path, hu, write_series, edit, change, message
):
    _, _, files = write_series(tmp_path, hu)
    edit(files[3], **change)
    assert message in refused(tmp_path)


def test_gantry_tilt_is_refused(tmp_path, hu, write_series):
    write_series(tmp_path, hu, shear=(0, 0.7, 0))
    assert "tilt" in refused(tmp_path, tilt="refuse")


@pytest.mark.parametrize("slices", [1, 2])
def test_series_too_short_for_a_volume_is_refused(tmp_path, hu, write_series, slices):
    write_series(tmp_path, hu[:, :, :slices])
    assert f"{slices} slice(s)" in refused(tmp_path)


def test_truncated_pixels_are_refused(tmp_path, hu, write_series):
    _, _, files = write_series(tmp_path, hu)
    files[2].write_bytes(files[2].read_bytes()[:-20])
    assert "pixels" in refused(tmp_path)


@pytest.mark.parametrize("length", [132, 140, 300, 500, 650])
def test_file_truncated_in_its_header_is_refused(tmp_path, hu, write_series, length):
    _, _, files = write_series(tmp_path, hu)
    files[2].write_bytes(files[2].read_bytes()[:length])
    refused(tmp_path)


@pytest.mark.parametrize(
    "attribute",
    [
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SeriesInstanceUID",
        "Modality",
        "Rows",
        "PixelData",
    ],
)
@pytest.mark.parametrize("every", [True, False], ids=["all slices", "one slice"])
def test_slices_without_an_attribute_are_refused(
    tmp_path, hu, write_series, edit, attribute, every
):
    _, _, files = write_series(tmp_path, hu)
    for file in files if every else files[2:3]:
        edit(file, **{attribute: None})
    refused(tmp_path)


@pytest.mark.parametrize(
    "attribute", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"]
)
def test_slices_with_an_empty_attribute_are_refused(tmp_path, hu, write_series, attribute):
    write_series(tmp_path, hu, **{attribute: []})
    refused(tmp_path)


def test_values_that_are_not_hu_are_refused(tmp_path, hu, write_series):
    write_series(tmp_path, hu + np.int16(1024))
    assert "HU" in refused(tmp_path)


@pytest.mark.parametrize("modality", ["MR", "RTSTRUCT"])
def test_folder_without_ct_is_refused(tmp_path, hu, write_series, modality):
    write_series(tmp_path, hu, Modality=modality)
    assert "CT" in refused(tmp_path)


def test_folder_without_a_scan_is_refused(tmp_path):
    refused(tmp_path)
    (tmp_path / "notes.txt").write_text("a nodule")
    refused(tmp_path)


@pytest.mark.parametrize("patient", ["LIDC-IDRI-0001", "Lung_Dx-A0002"])
def test_real_series_agrees_with_simpleitk(sample_data, patient):
    (folder,) = (path for path in sample_data.glob(f"*/{patient}/*/*") if path.is_dir())
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    reference = reader.Execute()
    scan = read_scan(folder)
    assert scan.grid.shape == reference.GetSize()
    last = tuple(n - 1 for n in scan.grid.shape)
    for index in [(0, 0, 0), (last[0], 0, 0), (0, last[1], 0), (0, 0, last[2]), last]:
        x, y, z = reference.TransformIndexToPhysicalPoint(index)
        assert scan.grid.to_world(index) == pytest.approx(np.array([-x, -y, z]), abs=0.01)
    expected = sitk.GetArrayFromImage(reference).transpose(2, 1, 0)
    expected[expected <= -1500] = -1024
    assert np.array_equal(scan.hu, expected)


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        # 3 mm in the chest, 6 mm below or above
        ([3] * 14 + [6] * 9, slice(0, 15)),
        ([6] * 9 + [3] * 14, slice(9, 24)),
        ([6] * 9 + [3] * 14 + [6] * 8, slice(9, 24)),
        # a gap of its own between the parts
        ([3] * 14 + [4.4] + [6] * 9, slice(0, 15)),
        # equally many slices: the thinner ones
        ([3] * 8 + [1.5] * 8, slice(8, 17)),
        # a slice is missing
        ([3] * 10 + [6] + [3] * 10, None),
        ([3] * 10 + [6] * 2 + [3] * 10, None),
        ([3] * 20, None),
        # gaps without any rule
        ([3, 4, 5, 3, 6, 4, 3, 5, 6, 3, 4, 5], None),
        ([3] * 4 + [6] * 12, None),
    ],
)
def test_the_largest_even_part_is_found(gaps, expected):
    heights = np.concatenate([[-70.0], -70.0 + np.cumsum(gaps)])
    assert even_part(heights) == expected


def test_the_largest_part_of_mixed_spacings_is_read_with_a_warning(tmp_path, write_series, edit):
    hu = np.random.default_rng(0).integers(-1000, 400, (12, 11, 26)).astype(np.int16)
    _, affine, files = write_series(tmp_path, hu, spacing=(9, 9.5, 3))
    for k, file in enumerate(files[16:], start=1):
        x, y, z = pydicom.dcmread(files[15]).ImagePositionPatient
        edit(file, ImagePositionPatient=[x, y, float(z) + 6 * k])
    check, scan = check_scan(tmp_path, whole_chest=False)
    (finding,) = (f for f in check.findings if f.code == "mixed_gaps")
    assert finding.outcome == "flagged"
    assert "16 of 26 slices, 3.00 mm apart" in finding.message
    assert "the others are 6.00 mm apart" in finding.message
    assert np.array_equal(scan.hu, hu[:, :, :16])
    assert np.allclose(scan.grid.affine, affine)
    # a slice that is missing within the part is refused as ever
    files[5].unlink()
    check, scan = check_scan(tmp_path, whole_chest=False)
    assert scan is None
