"""The inventory of the cache names every state, and only files of lungcam are removed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from lungcam.data.cache_entry import write_entry
from lungcam.data.cache_inventory import clear, inventory
from lungcam.data.cache_key import code_version
from lungcam.runtime.atomic import atomic_write


def key(i: int) -> str:
    return f"{i:032x}"


@pytest.fixture
def root(tmp_path):
    """Make a cache with a file of every state, and some files that are not lungcam's."""
    arrays = {"input": np.zeros((2, 2, 2), np.float32), "lungs": np.ones((2, 2, 2), bool)}
    write_entry(tmp_path / f"{key(1)}.prepared", {"code": code_version()}, arrays=arrays)
    write_entry(tmp_path / f"{key(2)}.prepared", {"code": "another"}, arrays=arrays)
    write_entry(tmp_path / f"{key(3)}.prepared", {"code": code_version()}, arrays=arrays)
    content = bytearray((tmp_path / f"{key(3)}.prepared").read_bytes())
    content[-64] ^= 1
    (tmp_path / f"{key(3)}.prepared").write_bytes(content)
    (tmp_path / f"{key(4)}.prepared").write_bytes(b"LUNGCAM1")
    np.savez(tmp_path / f"{key(5)}.npz", **arrays)
    # names of the cache, and not lungcam's
    (tmp_path / f"{key(10)}.prepared").write_bytes(b"")
    (tmp_path / f"{key(11)}.npz").write_bytes(b"mine")
    (tmp_path / f"{key(12)}.prepared").symlink_to(tmp_path / f"{key(1)}.prepared")
    (tmp_path / "hashes.json").write_text("{}")
    for name in ("mine.npz", "notes.txt", f"{key(6)}.txt", f"x{key(7)}.prepared", ".hidden"):
        (tmp_path / name).write_text("not lungcam's")
    killed = (
        "import os, signal, sys; from pathlib import Path\n"
        "from lungcam.runtime.atomic import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as file:\n"
        "    file.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    file = tmp_path / f"{key(8)}.prepared"
    done = subprocess.run([sys.executable, "-c", killed, str(file)])
    assert done.returncode == -9
    return tmp_path


def states(root) -> dict[str, str]:
    return {entry.file.name.split("~")[-1][-41:]: entry.state for entry in inventory(root)}


def test_every_file_of_lungcam_is_listed_with_its_state(root):
    assert states(root) == {
        f"{key(1)}.prepared": "current",
        f"{key(2)}.prepared": "stale",
        f"{key(3)}.prepared": "damaged",
        f"{key(4)}.prepared": "damaged",
        f"{key(5)}.npz": "stale",
        f"{key(8)}.prepared": "left over",
        f"{key(10)}.prepared": "foreign",
        f"{key(11)}.npz": "foreign",
        f"{key(12)}.prepared": "foreign",
        "hashes.json": "memory",
    }


@pytest.mark.parametrize("content", ["[]", '{"a": 7}', "mine", ""])
def test_a_file_named_like_the_memory_is_the_users(tmp_path, content):
    (tmp_path / "hashes.json").write_text(content)
    assert states(tmp_path) == {"hashes.json": "foreign"}
    assert clear(tmp_path) == []


def test_clear_keeps_foreign_files_and_files_being_written(root):
    others = {"mine.npz", "notes.txt", f"{key(6)}.txt", f"x{key(7)}.prepared", ".hidden"}
    others |= {f"{key(10)}.prepared", f"{key(11)}.npz", f"{key(12)}.prepared"}
    with atomic_write(root / f"{key(9)}.prepared") as writing:
        writing.write_bytes(b"half")
        assert len(clear(root)) == 7
        assert {file.name for file in root.iterdir()} == others | {writing.name}
    assert (root / f"{key(9)}.prepared").exists()


def test_clear_of_stale_files_keeps_current_ones(root):
    kept = ("current", "memory", "foreign")
    before = {entry.file for entry in inventory(root) if entry.state in kept}
    removed = clear(root, stale=True)
    assert len(removed) == 5
    assert {entry.file for entry in inventory(root)} == before


def test_a_file_of_another_machine_is_left_over_only_after_a_day(root):
    file = root / f".elsewhere~1~0123abcd.{key(1)}.prepared"
    file.write_bytes(b"half")
    states_by_file = {entry.file: entry.state for entry in inventory(root)}
    assert states_by_file[file] == "unfinished"
    then = file.stat().st_mtime - 25 * 3600
    os.utime(file, (then, then))
    states_by_file = {entry.file: entry.state for entry in inventory(root)}
    assert states_by_file[file] == "left over"


def test_a_missing_folder_is_an_empty_cache(tmp_path):
    assert list(inventory(tmp_path / "gone")) == []
    assert clear(tmp_path / "gone") == []
