"""A scan is known by its bytes, and what is known is remembered."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.data.content import ContentHashes, content_hash


def test_the_bytes_of_the_scan_decide_its_content(tmp_path):
    scan = tmp_path / "scan.nii.gz"
    scan.write_bytes(b"one")
    before = content_hash(scan)
    scan.write_bytes(b"two")
    assert content_hash(scan) != before


def test_the_name_of_the_scan_does_not(tmp_path):
    for name in ("one.nii", "two.nii"):
        (tmp_path / name).write_bytes(b"the same")
    assert content_hash(tmp_path / "one.nii") == content_hash(tmp_path / "two.nii")


@pytest.mark.parametrize("name", ["scan", "1.3.6.1.4", "scan [1]"])
@pytest.mark.parametrize("suffix", ["raw", "zraw"])
def test_the_voxels_beside_an_mhd_header_count(tmp_path, name, suffix):
    header, voxels = tmp_path / f"{name}.mhd", tmp_path / f"{name}.{suffix}"
    header.write_text(f"ElementDataFile = {voxels.name}\n")
    voxels.write_bytes(b"one")
    before = content_hash(header)
    (tmp_path / "another.raw").write_bytes(b"not this scan's")
    assert content_hash(header) == before
    voxels.write_bytes(b"two")
    assert content_hash(header) != before


@pytest.mark.parametrize("where", [".", "study/series"])
def test_every_file_of_a_dicom_folder_counts(tmp_path, where):
    series = tmp_path / where
    series.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        (series / f"{i}.dcm").write_bytes(bytes([i]))
    before = content_hash(tmp_path)
    (series / "1.dcm").write_bytes(b"other")
    changed = content_hash(tmp_path)
    (series / "2.dcm").unlink()
    assert len({before, changed, content_hash(tmp_path)}) == 3


# the memory of hashes


def write_old(file: Path, content: bytes, seconds: float = 100) -> None:
    """Write a file that was last changed a while ago."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    then = time.time() - seconds
    os.utime(file, (then, then))


def change_unseen(file: Path) -> str:
    """Change a file's last byte, but neither its size nor its times; give its true hash."""
    before = file.stat()
    file.write_bytes(file.read_bytes()[:-1] + b"#")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return content_hash(file)


def asked(root: Path, scan: Path) -> str:
    with ContentHashes(root) as hashes:
        return hashes.of(scan)


def test_a_known_scan_is_not_read_again(tmp_path):
    root, scan = tmp_path / "cache", tmp_path / "scan.nii.gz"
    write_old(scan, b"one")
    true = content_hash(scan)
    assert asked(root, scan) == true
    # only who reads its bytes could tell
    assert change_unseen(scan) != true
    assert asked(root, scan) == true
    assert [file.name for file in root.iterdir()] == ["hashes.json"]


@pytest.mark.parametrize("what", ["size", "time", "name", "another file", "one less"])
def test_a_changed_folder_is_read_again(tmp_path, what):
    root, scan = tmp_path / "cache", tmp_path / "scan"
    for name in "abc":
        write_old(scan / "deeper" / name, name.encode())
    first = asked(root, scan)
    file = scan / "deeper" / "b"
    if what == "size":
        write_old(file, b"bb")
    elif what == "time":
        write_old(file, b"x", seconds=50)
    elif what == "name":
        file.rename(scan / "deeper" / "d")
    elif what == "another file":
        write_old(scan / "z", b"z")
    else:
        file.unlink()
    assert asked(root, scan) == content_hash(scan) != first


def test_the_voxels_beside_a_known_mhd_header_count(tmp_path):
    root, header, voxels = tmp_path / "cache", tmp_path / "a.mhd", tmp_path / "a.raw"
    write_old(header, b"ElementDataFile = a.raw\n")
    write_old(voxels, b"one")
    first = asked(root, header)
    write_old(voxels, b"two", seconds=50)
    assert asked(root, header) == content_hash(header) != first


def test_what_has_just_been_written_is_not_trusted(tmp_path):
    """It may change once more within the same tick of the clock."""
    root, young, old = tmp_path / "cache", tmp_path / "young.nii", tmp_path / "old.nii"
    # by the clock of the file system it comes from the future: no time must pass in this test
    write_old(young, b"one", seconds=-100)
    write_old(old, b"one")
    with ContentHashes(root) as hashes:
        assert hashes.of(young) == hashes.of(old)
    assert list(json.loads((root / "hashes.json").read_text())) == [str(old)]
    changed = change_unseen(young)
    assert asked(root, young) == changed
    change_unseen(old)
    assert asked(root, old) != changed


def test_within_a_run_a_folder_is_read_once(tmp_path):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one", seconds=-100)
    hashes = ContentHashes(tmp_path / "cache")
    first = hashes.of(scan)
    scan.write_bytes(b"another")
    assert hashes.of(scan) == first
    hashes.save()
    # nothing to keep, so nothing is made
    assert not (tmp_path / "cache").exists()


def test_two_at_once_keep_what_both_have_read(tmp_path):
    root, scans = tmp_path / "cache", [tmp_path / f"{i}.nii" for i in range(3)]
    for scan in scans:
        write_old(scan, scan.name.encode())
    one, other = ContentHashes(root), ContentHashes(root)
    for hashes, scan in ((one, scans[0]), (other, scans[1]), (other, scans[2])):
        hashes.of(scan)
    other.save()
    one.save()
    assert set(json.loads((root / "hashes.json").read_text())) == {str(scan) for scan in scans}
    assert [file.name for file in root.iterdir()] == ["hashes.json"]


def test_stopped_halfway_it_keeps_what_it_has(tmp_path):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one")

    def stopped() -> None:
        with ContentHashes(tmp_path / "cache") as hashes:
            hashes.of(scan)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert str(scan) in (tmp_path / "cache" / "hashes.json").read_text()


json_values = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


@settings(deadline=None, max_examples=60)
@given(content=st.one_of(st.binary(max_size=40), json_values.map(lambda v: json.dumps(v).encode())))
def test_a_damaged_memory_is_an_empty_one(tmp_path_factory, content):
    root = tmp_path_factory.getbasetemp() / "damaged"
    scan = root / "scan.nii"
    write_old(scan, b"one")
    (root / "hashes.json").write_bytes(content)
    assert asked(root, scan) == content_hash(scan)
    assert str(scan) in json.loads((root / "hashes.json").read_text())


@pytest.mark.parametrize("entry", [3, "x", [], ["a"], ["a", 1], {"a": "b"}, ["a", "b", "c"]])
def test_a_damaged_entry_is_not_believed(tmp_path, entry):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one")
    (tmp_path / "hashes.json").write_text(json.dumps({str(scan): entry}))
    assert asked(tmp_path, scan) == content_hash(scan)


def test_a_folder_that_takes_no_files_does_no_harm(tmp_path):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one")
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert asked(tmp_path / "cache", scan) == content_hash(scan)


def test_a_scan_that_is_not_there_is_as_before(tmp_path):
    with ContentHashes(tmp_path / "cache") as hashes:
        assert hashes.of(tmp_path / "gone.nii") == content_hash(tmp_path / "gone.nii")
        with pytest.raises(FileNotFoundError):
            hashes.of(tmp_path / "gone.mhd")
    assert not (tmp_path / "cache").exists()
