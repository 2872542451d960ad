"""Masks near a series are found by what they were drawn on."""

import shutil

import numpy as np
import pytest

from lungcam.masks.find import find_masks
from lungcam.runs.check_scans import check_scans, describe_checks

from .conftest import write_structure_set

CONTOUR = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0]], float)


@pytest.fixture
def study(tmp_path, series):
    """A series with structure sets of it, of its frame, and of another scan."""
    scan = series(tmp_path / "study" / "ct")
    folder = tmp_path / "study" / "rt"
    folder.mkdir()
    region = {"GTV": [CONTOUR], "Heart": [CONTOUR]}
    write_structure_set(folder / "a.dcm", region, series_uid=scan.series_uid, frame_uid="1.2")
    write_structure_set(folder / "b.dcm", {"LN": [CONTOUR]}, frame_uid=scan.frame_uid)
    write_structure_set(folder / "c.dcm", region, series_uid="1.2.3", frame_uid="1.2")
    (folder / "note.txt").write_text("no DICOM")
    return scan, folder


def test_masks_of_the_series_and_of_its_frame_are_found(study, tmp_path):
    scan, folder = study
    masks = find_masks([tmp_path])
    assert [mask.file.name for mask in masks] == ["a.dcm", "b.dcm", "c.dcm"]
    fitting = [mask for mask in masks if mask.fits(scan.series_uid, scan.frame_uid)]
    assert [mask.sentence for mask in fitting] == [
        f"{folder / 'a.dcm'} (RTSTRUCT): GTV, Heart",
        f"{folder / 'b.dcm'} (RTSTRUCT): LN",
    ]
    assert not any(mask.fits(None, None) for mask in masks)


@pytest.mark.parametrize("given", ["study", "study/ct", "study/both"])
def test_check_offers_them(study, tmp_path, given):
    _, folder = study
    if given.endswith("both"):
        # in one folder with the slices
        shutil.copytree(tmp_path / "study" / "ct", tmp_path / given)
        shutil.copy(folder / "a.dcm", tmp_path / given)
        shutil.copy(folder / "b.dcm", tmp_path / given)
        shutil.rmtree(tmp_path / "study" / "ct")
        shutil.rmtree(folder)
        folder = tmp_path / given
    (checked,) = check_scans([tmp_path / given], whole_chest=False, mask="cavity", thumbnails=False)
    assert [mask.file.name for mask in checked.masks] == ["a.dcm", "b.dcm"]
    lines = describe_checks([checked]).splitlines()
    assert lines[1].endswith("a.dcm (RTSTRUCT): GTV, Heart")
    assert lines[1].startswith("mask     ")


def test_the_real_structure_set_is_offered(sample_data):
    folder = sample_data / "lung_4d" / "113_HM10395"
    (checked,) = check_scans([folder / "ct"], whole_chest=False, mask="cavity", thumbnails=False)
    (mask,) = checked.masks
    assert mask.kind == "RTSTRUCT"
    assert mask.names == ("Tumor_c40", "LN_c40", "Carina_c40", "Vertebra_c40")
