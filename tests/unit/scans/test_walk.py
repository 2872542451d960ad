"""Tests of links between folders: followed, each folder once, without an endless walk."""

import numpy as np

from lungcam.cohorts.dicom_index import catalogue
from lungcam.scans import discover, read_scan
from lungcam.scans.walk import walk


def test_links_are_followed_and_each_folder_is_visited_once(tmp_path):
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    (tmp_path / "elsewhere" / "c").mkdir(parents=True)
    (tmp_path / "root" / "0").symlink_to(tmp_path / "root" / "a")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "root")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path)
    (tmp_path / "elsewhere" / "gone").symlink_to(tmp_path / "nothing")
    visited = [str(folder.relative_to(tmp_path)) for folder, _, _ in walk(tmp_path / "root")]
    assert visited == ["root", "root/a", "root/a/b", "root/link", "root/link/c"]


def test_folders_taken_out_are_not_visited(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    visited = []
    for folder, folders, _ in walk(tmp_path):
        visited.append(folder.name)
        folders.clear()
    assert visited == [tmp_path.name]


def test_linked_scans_are_found_and_read(tmp_path, hu, write_series):
    uid, _, _ = write_series(tmp_path / "store" / "1", hu)
    write_series(tmp_path / "store" / "2", hu, uid="1.2.3")
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").symlink_to(tmp_path / "store" / "1")
    assert np.array_equal(read_scan(root).hu, hu)
    (root / "two").symlink_to(tmp_path / "store" / "2")
    assert [source.name for source in discover(root)] == ["one", "two"]
    assert read_scan(root, series="1.2.3").series_uid == "1.2.3"
    assert {series.series_uid for series in catalogue(root, tmp_path / "cache")} == {uid, "1.2.3"}
