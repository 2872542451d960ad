"""Tests of the files that a scan is read from."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.scans.companions import scan_files


@pytest.mark.parametrize(("name", "other"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw")])
def test_the_file_of_the_voxels_belongs_to_its_header(tmp_path, hu, name, other):
    sitk.WriteImage(sitk.GetImageFromArray(hu.transpose(2, 1, 0)), str(tmp_path / name))
    (tmp_path / "b.txt").touch()
    assert [file.name for file in scan_files(tmp_path / name)] == [name, other]


def test_header_and_image_of_a_pair_belong_together(tmp_path, hu):
    nib.save(nib.Nifti1Pair(hu, np.eye(4)), tmp_path / "a.hdr")
    for name in ("a.hdr", "a.img"):
        assert {file.name for file in scan_files(tmp_path / name)} == {"a.hdr", "a.img"}


def test_one_file_per_slice_counts(tmp_path):
    (tmp_path / "a.nhdr").write_text("NRRD0004\ndata file: s%d.raw 1 2 1\n")
    for name in ("s1.raw", "s2.raw"):
        (tmp_path / name).touch()
    files = [file.name for file in scan_files(tmp_path / "a.nhdr")]
    assert files == ["a.nhdr", "s1.raw", "s2.raw"]


def test_linked_series_of_a_folder_counts(tmp_path, hu, write_series):
    _, _, files = write_series(tmp_path / "store", hu)
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "series").symlink_to(tmp_path / "store")
    assert len(scan_files(tmp_path / "scan")) == len(files)


@pytest.mark.parametrize(
    ("name", "content", "others"),
    [
        ("a.mha", "ElementDataFile = b.raw\n", ["b.raw"]),
        ("a.MHD", "ElementDataFile = sub/b.raw\n", ["sub/b.raw"]),
        ("a.mha", "ElementDataFile = LOCAL\n", []),
        ("a.nrrd", "NRRD0004\ndata file: b.raw\n\n", ["b.raw"]),
        ("a.nrrd", "NRRD0004\nencoding: raw\n\n", []),
        ("a.nhdr", "NRRD0004\ndata file: LIST\nsub/1.raw\nsub/2.raw\n", ["sub/1.raw", "sub/2.raw"]),
        ("a.nhdr", "NRRD0004\ndatafile: sub/%03d.raw 2 6 2\n", ["sub/002.raw", "sub/004.raw"]),
        ("a.nhdr", "NRRD0004\ndata file: sub/%d.raw 3 1 -1 2\n", ["sub/3.raw", "sub/1.raw"]),
    ],
)
def test_a_header_of_any_ending_may_name_files(tmp_path, name, content, others):
    (tmp_path / "sub").mkdir()
    (tmp_path / name).write_text(content)
    for other in (*others, "sub/9.raw", "c.raw"):
        (tmp_path / other).touch()
    assert scan_files(tmp_path / name) == [tmp_path / name, *(tmp_path / o for o in others)]
