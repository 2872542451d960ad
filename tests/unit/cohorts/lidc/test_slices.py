"""Positions of a series' slices, and the slice of a contour."""

import numpy as np
import pydicom
import pytest

from lungcam.cohorts.lidc import Contour
from lungcam.cohorts.lidc.slices import FaultySeries, Slices, place_slices, read_headers
from lungcam.scans import read_scan

UID = "1.2.10.1"


def read_slices(folder, series_uid) -> Slices:
    return place_slices(read_headers(folder), series_uid)


def contour(z_mm: float, sop_uid: str = "") -> Contour:
    return Contour(z_mm=z_mm, sop_uid=sop_uid, included=True, points=np.zeros((2, 2), int))


@pytest.fixture
def folder(tmp_path, series):
    series(tmp_path, UID, "LIDC-IDRI-9001")
    return tmp_path


def by_height(folder) -> list:
    return sorted(folder.iterdir(), key=lambda file: pydicom.dcmread(file).ImagePositionPatient[2])


def test_the_grid_equals_the_scans(folder):
    grid = read_scan(folder, whole_chest=False).grid
    placed = read_slices(folder, UID).grid
    assert placed.shape == grid.shape
    assert np.allclose(placed.affine, grid.affine)


def test_the_grid_of_rotated_slices_equals_the_scans(folder):
    for file in folder.iterdir():
        item = pydicom.dcmread(file)
        item.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        item.save_as(file)
    grid = read_scan(folder, whole_chest=False).grid
    slices = read_slices(folder, UID)
    assert np.allclose(slices.grid.affine, grid.affine)
    assert slices.heights.tolist() == [100 + 2 * k for k in range(8)]


def test_a_contour_is_matched_by_uid_first_then_by_height(folder):
    slices = read_slices(folder, UID)
    assert slices.slice_of(contour(900, f"{UID}.3")) == 2
    assert slices.slice_of(contour(108, f"{UID}.3")) == 2
    assert slices.slice_of(contour(108, "1.9")) == 4
    # a quarter of the 2 mm between slices
    assert slices.slice_of(contour(108.5)) == 4
    assert slices.slice_of(contour(108.51)) is None
    assert slices.slice_of(contour(90)) is None


def test_a_repeated_slice_has_the_index_of_the_original(folder):
    item = pydicom.dcmread(by_height(folder)[4])
    item.SOPInstanceUID = item.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    item.save_as(folder / "again")
    slices = read_slices(folder, UID)
    assert slices.grid.shape[2] == 8
    assert slices.slice_of(contour(0, "1.2.3.4")) == slices.slice_of(contour(0, f"{UID}.5")) == 4
    assert slices.slice_of(contour(0, f"{UID}.6")) == 5


def test_slices_of_another_series_in_the_folder_are_ignored(folder, series):
    series(folder / "other", UID + "11", "LIDC-IDRI-9001")
    for file in (folder / "other").iterdir():
        file.rename(folder / f"other {file.name}")
    (folder / "other").rmdir()
    assert set(read_slices(folder, UID).index) == {f"{UID}.{k}" for k in range(1, 9)}


def test_series_in_a_shared_folder_are_placed_as_in_separate_folders(folder, series):
    other = UID + "11"
    series(folder / "other", other, "LIDC-IDRI-9001", shape=(40, 32, 5))
    separate = {UID: read_slices(folder, UID), other: read_slices(folder / "other", other)}
    for file in (folder / "other").iterdir():
        file.rename(folder / f"0 {file.name}")
    (folder / "other").rmdir()
    headers = read_headers(folder)
    for file in folder.iterdir():
        # the headers, already read, are not read again
        file.write_bytes(file.read_bytes()[:600])
    for uid, expected in separate.items():
        slices = place_slices(headers, uid)
        assert (slices.grid.shape, slices.index) == (expected.grid.shape, expected.index)
        assert np.array_equal(slices.grid.affine, expected.grid.affine)


@pytest.mark.parametrize("fault", ["missing", "damaged", "empty"])
def test_a_faulty_series_is_refused_with_the_reason(folder, fault):
    file = by_height(folder)[3]
    if fault == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:400] if fault == "damaged" else b"")
    with pytest.raises(FaultySeries, match=r"slice\(s\) missing|file\(s\)"):
        read_slices(folder, UID)
