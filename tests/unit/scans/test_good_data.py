"""Tests of good data in unusual forms: read like the same data in the usual form."""

import shutil

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    RLELossless,
    generate_uid,
)

from lungcam.cohorts.dicom_index import catalogue
from lungcam.scans import check_scan, discover, read_scan


@pytest.fixture
def any_value(monkeypatch):
    """Let pydicom write values that are not valid."""
    mode = pydicom.config.IGNORE
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", mode)
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", mode)


@pytest.mark.parametrize("spacing", [0.25, 0.3, 0.33, 0.625, 0.75, 1.25])
def test_positions_rounded_to_a_tenth_of_a_mm_are_even(tmp_path, write_series, edit, spacing):
    hu = np.random.default_rng(0).integers(-1000, 400, (4, 4, 40)).astype(np.int16)
    _, _, files = write_series(tmp_path, hu, spacing=(0.7, 0.7, spacing))
    for k, file in enumerate(files):
        edit(file, ImagePositionPatient=[0, 0, round(31 + k * spacing, 1)])
    scan = read_scan(tmp_path, whole_chest=False)
    assert np.array_equal(scan.hu, hu)
    assert scan.grid.spacing_mm[2] == pytest.approx(spacing, abs=0.1 / 39)
    files[20].unlink()
    check, scan = check_scan(tmp_path, whole_chest=False)
    assert scan is None
    # where gaps of .2 and .3 are even, one of .5 cannot be counted
    assert check.findings[0].code in {"missing_slices", "uneven_spacing"}


@pytest.mark.parametrize("name", ["DICOMDIR", "index", "dir.dcm", "contents"])
def test_table_of_contents_of_a_disc_is_no_slice(tmp_path, hu, write_series, name):
    write_series(tmp_path / "series", hu)
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    item.FileSetID = "DISC"
    item.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    for folder in (tmp_path, tmp_path / "series"):
        pydicom.dcmwrite(folder / name, item, enforce_file_format=True)
    for path in (tmp_path, tmp_path / "series", tmp_path / name):
        scan = read_scan(path)
        assert np.array_equal(scan.hu, hu)
    (source,) = discover(tmp_path / name)
    assert source.path == tmp_path / "series"
    (series,) = catalogue(tmp_path, tmp_path.parent / f"{tmp_path.name}-cache")
    assert series.slices == 10


@pytest.mark.parametrize("uid", ["anon-series-1", "A" * 64, "1.2." + "3" * 80, "Série 4"])
def test_uid_of_an_anonymiser_becomes_a_valid_one(tmp_path, hu, write_series, edit, any_value, uid):
    _, _, files = write_series(tmp_path / "a", hu)
    for k, file in enumerate(files):
        edit(file, SeriesInstanceUID=uid, StudyInstanceUID="study", SOPInstanceUID=f"slice-{k}")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for file in (tmp_path / "b").iterdir():
        edit(file, SeriesInstanceUID="other")
    scan = read_scan(tmp_path, series=uid)
    assert np.array_equal(scan.hu, hu)
    assert scan.series_uid.startswith("2.25.")
    assert pydicom.uid.UID(scan.series_uid).is_valid
    assert scan.series_uid == read_scan(tmp_path, series=scan.series_uid).series_uid
    assert read_scan(tmp_path / "b").series_uid != scan.series_uid
    assert len({header.sop_uid for header in scan.slices}) == 10
    uids = {series.series_uid for series in catalogue(tmp_path, tmp_path.parent / "cache")}
    assert scan.series_uid in uids


@pytest.mark.parametrize("uid", ["None", "nan", "N/A"])
def test_uid_that_means_none_is_missing(tmp_path, hu, write_series, edit, any_value, uid):
    for file in write_series(tmp_path, hu)[2]:
        edit(file, SeriesInstanceUID=uid)
    check, scan = check_scan(tmp_path)
    assert scan is None
    assert "no_series_uid" in {finding.code for finding in check.findings}


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("syntax", [None, RLELossless, DeflatedExplicitVRLittleEndian])
def test_monochrome1_changes_no_hu(tmp_path, hu, write_series, signed, bits, syntax):
    """MONOCHROME1 is about the display; GDCM turns compressed values round."""
    rescale = ((2, -1000),) if signed else ((1, -1024),)
    attributes = {"PixelRepresentation": signed, "BitsStored": bits, "HighBit": bits - 1}
    even = hu // 2 * 2
    attributes["PhotometricInterpretation"] = "MONOCHROME1"
    _, _, files = write_series(tmp_path, even, rescale=rescale, **attributes)
    for file in files if syntax else []:
        item = pydicom.dcmread(file)
        if syntax == RLELossless:
            item.compress(RLELossless, generate_instance_uid=False)
        item.file_meta.TransferSyntaxUID = syntax
        item.save_as(file)
    assert np.array_equal(read_scan(tmp_path).hu, even)


@pytest.mark.parametrize("missing", ["PixelRepresentation", "BitsStored"])
def test_pixels_of_an_unknown_kind_are_refused(tmp_path, hu, write_series, missing):
    write_series(tmp_path, hu, **{missing: None})
    check, scan = check_scan(tmp_path)
    assert scan is None
    assert "bad_bits" in {finding.code for finding in check.findings}


def test_single_dicom_file_names_its_folder_as_the_remedy(tmp_path, hu, write_series):
    _, _, files = write_series(tmp_path, hu)
    check, scan = check_scan(files[0])
    assert scan is None
    assert "give the folder" in check.line


@pytest.mark.parametrize("place", ["home", "~folder"])
def test_tilde_in_a_path(tmp_path, hu, write_series, monkeypatch, place):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_series(tmp_path / place / "series", hu)
    path = "~/series" if place == "home" else "~folder/series"
    assert np.array_equal(read_scan(path).hu, hu)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_nifti_header_with_extensions_is_read(tmp_path, hu, suffix):
    """AFNI, TotalSegmentator and others write them between the header and the voxels."""
    image = nib.Nifti1Image(hu, np.diag([2.0, 2, 3, 1]))
    for size in (40, 3000):
        image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"x" * size))
    nib.save(image, tmp_path / f"scan{suffix}")
    scan = read_scan(tmp_path / f"scan{suffix}", whole_chest=False)
    assert np.array_equal(scan.hu, hu)
    assert np.array_equal(scan.grid.affine, np.diag([2.0, 2, 3, 1]))
