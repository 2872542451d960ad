"""Tests of archives: a series within is read, and nothing is written outside or without bounds."""

import io
import tarfile
import tempfile
import zipfile

import nibabel as nib
import numpy as np
import pytest

from lungcam.scans import archive, check_scan, discover, read_scan


def pack(path, files, prefix="study/series/"):
    """Write an archive of files."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
            for file in files:
                stream.write(file, f"{prefix}{file.name}")
        return
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as stream:
        for file in files:
            stream.add(file, f"{prefix}{file.name}")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder for temporary files, which must be empty after each read."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "A.ZIP"])
def test_series_in_an_archive_is_read(tmp_path, hu, write_series, temporary, name):
    uid, affine, files = write_series(tmp_path / "series", hu)
    pack(tmp_path / name, files) if name != "A.ZIP" else pack_upper(tmp_path, files)
    scan = read_scan(tmp_path / name)
    assert np.array_equal(scan.hu, hu)
    assert np.allclose(scan.grid.affine, affine)
    assert (scan.series_uid, scan.source, scan.name) == (uid, tmp_path / name, name.split(".")[0])
    assert scan.warnings == []
    assert [source.path for source in discover(tmp_path / name)] == [tmp_path / name]
    assert list(temporary.iterdir()) == []


def pack_upper(folder, files):
    pack(folder / "b.zip", files)
    (folder / "b.zip").rename(folder / "A.ZIP")


def test_volume_file_in_an_archive_is_read(tmp_path, hu, temporary):
    nib.save(nib.Nifti1Image(hu, np.diag([9, 9.5, 11, 1])), tmp_path / "a.nii")
    pack(tmp_path / "a.zip", [tmp_path / "a.nii"])
    assert np.array_equal(read_scan(tmp_path / "a.zip").hu, hu)
    assert list(temporary.iterdir()) == []


def test_several_series_in_an_archive_are_listed_without_the_temporary_folder(
    tmp_path, hu, write_series, temporary
):
    first, _, files = write_series(tmp_path / "1", hu)
    _, _, others = write_series(tmp_path / "2", hu[:, :, :5])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as stream:
        for file in (*files, *others):
            stream.write(file, f"{file.parent.name}/{file.name}")
    check, scan = check_scan(tmp_path / "a.zip")
    assert scan is None
    assert first in check.line
    assert str(temporary) not in check.line
    assert np.array_equal(read_scan(tmp_path / "a.zip", series=first).hu, hu)


OUTSIDE = ["../evil", "/tmp/evil", "a/../../evil", "..\\evil", "C:\\evil"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_file_that_leads_outside_is_refused(tmp_path, temporary, name, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as stream:
            stream.writestr(name, b"x" * 100)
    else:
        with tarfile.open(path, "w") as stream:
            item = tarfile.TarInfo(name)
            item.size = 100
            stream.addfile(item, io.BytesIO(b"x" * 100))
    check, scan = check_scan(path)
    assert scan is None
    assert [finding.code for finding in check.findings] == ["unsafe_archive"]
    assert not (tmp_path / "evil").exists()
    assert list(temporary.iterdir()) == []


def test_link_in_an_archive_is_no_file(tmp_path, hu, write_series, temporary):
    _, _, files = write_series(tmp_path / "series", hu)
    secret = tmp_path / "secret"
    secret.write_bytes(files[0].read_bytes())
    with tarfile.open(tmp_path / "a.tar", "w") as stream:
        for file in files[1:]:
            stream.add(file, file.name)
        item = tarfile.TarInfo("image999")
        item.type, item.linkname = tarfile.SYMTYPE, str(secret)
        stream.addfile(item)
    check, _ = check_scan(tmp_path / "a.tar", whole_chest=False)
    assert "image999" not in check.line


@pytest.mark.parametrize("bound", ["MOST_BYTES", "MOST_FILES", "MOST_RATIO"])
def test_archive_beyond_the_bounds_is_refused(
    tmp_path, hu, write_series, temporary, monkeypatch, bound
):
    _, _, files = write_series(tmp_path / "series", hu)
    pack(tmp_path / "a.zip", files)
    monkeypatch.setattr(archive, bound, {"MOST_BYTES": 2000, "MOST_FILES": 5}.get(bound, 0.1))
    check, scan = check_scan(tmp_path / "a.zip")
    assert scan is None
    assert [finding.code for finding in check.findings] == ["unsafe_archive"]
    assert list(temporary.iterdir()) == []


def test_bomb_is_not_unpacked(tmp_path, temporary):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("a.nii", bytes(30 << 20))
    check, scan = check_scan(tmp_path / "a.zip")
    assert scan is None
    assert [finding.code for finding in check.findings] == ["unsafe_archive"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize("length", [0, 10, 500, 2000])
def test_damaged_archive_is_refused(tmp_path, hu, write_series, temporary, name, length):
    _, _, files = write_series(tmp_path / "series", hu)
    pack(tmp_path / name, files)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:length])
    check, scan = check_scan(tmp_path / name)
    assert scan is None
    assert [finding.code for finding in check.findings] == ["damaged_file"]
    assert list(temporary.iterdir()) == []
