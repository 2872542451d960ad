"""Tests of the search for scans and of their names."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.errors import InputError
from lungcam.scans import check_scan, discover, read_scan

DICOM = b"\0" * 128 + b"DICM"


def write_file(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(path):
    return [source.name for source in discover(path)]


def test_single_file_is_named_after_itself(tmp_path):
    for suffix in (".mhd", ".mha", ".nii", ".nii.gz", ".nrrd", ".NII.GZ"):
        file = write_file(tmp_path / f"1.3.6 scan{suffix}")
        (source,) = discover(file)
        assert (source.path, source.name) == (file, "1.3.6_scan")


def test_single_scan_of_a_folder_is_named_after_the_path(tmp_path):
    write_file(tmp_path / "patient" / "study" / "series" / "1.dcm", DICOM)
    (source,) = discover(tmp_path / "patient")
    assert source.name == "patient"
    assert source.path == tmp_path / "patient" / "study" / "series"


def test_current_folder_has_its_full_name(tmp_path, monkeypatch):
    write_file(tmp_path / "patient" / "1.dcm", DICOM)
    monkeypatch.chdir(tmp_path / "patient")
    assert names(Path(".")) == ["patient"]


def test_files_and_dicom_folders_are_found_at_any_depth_and_sorted(tmp_path):
    write_file(tmp_path / "z.nii.gz")
    write_file(tmp_path / "a" / "deep" / "m.mha")
    write_file(tmp_path / "b" / "c" / "no suffix", DICOM)
    write_file(tmp_path / "b" / "notes.txt", b"a nodule")
    sources = discover(tmp_path)
    assert [(source.name, source.path) for source in sources] == [
        ("c", tmp_path / "b" / "c"),
        ("m", tmp_path / "a" / "deep" / "m.mha"),
        ("z", tmp_path / "z.nii.gz"),
    ]


def test_raw_file_of_an_mhd_is_no_separate_scan(tmp_path):
    write_file(tmp_path / "a.mhd")
    write_file(tmp_path / "a.raw", bytes(1000))
    write_file(tmp_path / "b.mhd")
    assert names(tmp_path) == ["a", "b"]


def test_names_are_unique(tmp_path):
    for file in ("1/a.nii", "2/a.nii", "3/a.nii.gz", "0/a_2.nii", "4/a_2.nii", "5/a b.nii"):
        write_file(tmp_path / file)
    scan_names = names(tmp_path)
    assert len(scan_names) == 6
    assert len(set(scan_names)) == 6
    assert scan_names == sorted(scan_names)


@pytest.mark.parametrize("order", [("a", "a", "a_2"), ("a", "a_2", "a"), ("a_2", "a", "a")])
def test_numbered_names_are_unique(tmp_path, order):
    for folder, name in enumerate(order):
        write_file(tmp_path / str(folder) / f"{name}.nii")
    assert len(set(names(tmp_path))) == 3


def test_names_are_valid_for_folders(tmp_path):
    write_file(tmp_path / "ä ü:*?.nii")
    write_file(tmp_path / "a$(b).nii")
    assert names(tmp_path) == ["a_b_", "ä_ü_"]


def test_same_path_gives_the_same_names(tmp_path):
    for k in range(6):
        write_file(tmp_path / str(k) / "scan.nrrd")
    first = [(source.path, source.name) for source in discover(tmp_path)]
    assert [(source.path, source.name) for source in discover(tmp_path)] == first


def test_names_do_not_depend_on_other_scans(tmp_path):
    write_file(tmp_path / "b" / "scan.nii")
    write_file(tmp_path / "c" / "deep er" / "scan.nii")
    write_file(tmp_path / "c" / "alone.nii")
    before = {source.path: source.name for source in discover(tmp_path)}
    assert sorted(before.values()) == ["alone", "b_scan", "c_deep_er_scan"]
    write_file(tmp_path / "a" / "scan.nii")
    after = {source.path: source.name for source in discover(tmp_path)}
    assert after.items() > before.items()


def test_similar_paths_have_distinct_names(tmp_path):
    for file in ("a b/scan.nii", "a_b/scan.nii", "x/a_b_scan.nii", f"{'d' * 200}/s.nii", "s.nii"):
        write_file(tmp_path / file)
    scan_names = names(tmp_path)
    assert len(set(scan_names)) == 5
    assert max(map(len, scan_names)) < 150
    assert "s" in scan_names


def test_folder_of_results_is_left_out(tmp_path):
    write_file(tmp_path / "scan.nii")
    write_file(tmp_path / "out" / "scan" / "heatmap.nii.gz")
    write_file(tmp_path / "more" / "out" / "other.nii")
    without = tmp_path / "more" / ".." / "out"
    assert [source.name for source in discover(tmp_path, without)] == ["other", "scan"]
    assert len(discover(tmp_path)) == 3


def test_dicomdir_and_broken_links_are_no_scans(tmp_path):
    write_file(tmp_path / "DICOMDIR", DICOM)
    (tmp_path / "0_link").symlink_to(tmp_path / "gone")
    write_file(tmp_path / "b" / "1", DICOM)
    (source,) = discover(tmp_path)
    assert source.path == tmp_path / "b"


def test_folder_without_a_scan_is_refused(tmp_path):
    write_file(tmp_path / "notes.txt", b"a nodule")
    write_file(tmp_path / "short", b"DICM")
    with pytest.raises(InputError, match="no DICOM series"):
        discover(tmp_path)


def test_missing_path_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        discover(tmp_path / "gone")


def test_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a scan"):
        discover(write_file(tmp_path / "table.csv"))


@pytest.fixture
def patient(tmp_path, hu, write_series):
    """Return folder and UID of a patient with a CT, a segmentation and a structure set."""
    uid, _, _ = write_series(tmp_path / "p" / "ct", hu)
    write_series(tmp_path / "p" / "seg", hu[:, :, :1], Modality="SEG")
    write_series(tmp_path / "p" / "rs" / "deep", hu[:, :, :2], Modality="RTSTRUCT")
    return tmp_path / "p", uid


def test_folders_without_ct_are_ignored(patient, hu):
    folder, uid = patient
    (source,) = discover(folder)
    assert (source.path, source.name) == (folder / "ct", "p")
    scan = read_scan(folder)
    assert (scan.source, scan.name, scan.series_uid) == (folder / "ct", "p", uid)
    assert np.array_equal(scan.hu, hu)
    warnings = " ".join(scan.warnings)
    assert "SEG" in warnings
    assert "RTSTRUCT" in warnings
    assert {finding.code for finding in scan.check.findings} == {"skipped_folder"}


def test_series_is_read_from_any_folder(patient, hu, write_series):
    folder, first = patient
    second, _, _ = write_series(folder / "more" / "ct", hu[:, ::-1])
    assert [source.name for source in discover(folder)] == ["ct", "more_ct"]
    with pytest.raises(InputError, match="2 scans"):
        read_scan(folder)
    for uid, expected in ((first, hu), (second, hu[:, ::-1])):
        scan = read_scan(folder, series=uid)
        assert scan.series_uid == uid
        assert np.array_equal(scan.hu, expected)
        assert scan.warnings == []
    assert scan.source == folder / "more" / "ct"
    check, scan = check_scan(folder, series="1.2.3")
    assert scan is None
    assert first in check.line
    assert second in check.line


def test_series_in_several_folders_is_combined(tmp_path, hu, write_series):
    uid, affine, files = write_series(tmp_path / "a", hu)
    (tmp_path / "b").mkdir()
    for file in files[5:]:
        file.rename(tmp_path / "b" / file.name)
    scan = read_scan(tmp_path, series=uid)
    assert np.array_equal(scan.hu, hu)
    assert np.allclose(scan.grid.affine, affine)
    assert scan.source == tmp_path


def test_damage_in_another_folder_does_not_affect_the_series(patient, hu):
    folder, uid = patient
    write_file(folder / "seg" / "empty.dcm")
    write_file(folder / "broken" / "a.dcm", DICOM + b"junk")
    assert np.array_equal(read_scan(folder, series=uid).hu, hu)


def test_refusal_of_other_objects_names_their_kinds(tmp_path, hu, write_series):
    for modality in ("MR", "SEG"):
        write_series(tmp_path / modality, hu, Modality=modality)
    check, scan = check_scan(tmp_path)
    assert scan is None
    assert [finding.code for finding in check.findings] == ["wrong_modality"]
    assert "MR" in check.line
    assert len(discover(tmp_path)) == 2


def test_several_series_are_listed_to_choose_from(tmp_path, hu, write_series):
    first, _, _ = write_series(tmp_path / "study" / "1", hu)
    second, _, files = write_series(tmp_path / "study" / "2", hu[:, :, :4])
    write_file(tmp_path / "study" / "a.mha")
    check, scan = check_scan(tmp_path)
    assert scan is None
    assert f"{tmp_path / 'study' / '1'} (series={first}, 10 files)" in check.line
    assert f"(series={second}, {len(files)} files)" in check.line
    assert str(tmp_path / "study" / "a.mha") in check.line
    assert np.array_equal(read_scan(tmp_path, series=first).hu, hu)
