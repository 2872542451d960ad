"""The record of a folder: only what it holds is replaced and deleted."""

import os
import signal
import subprocess
import sys

import pytest

from lungcam.runtime import written
from lungcam.runtime.atomic import atomic_write, write_text
from lungcam.runtime.written import NAME, ForeignFile, keep_record, open_record, record_of


def test_lungcams_own_files_are_replaced_and_others_are_not(tmp_path):
    record = keep_record(tmp_path)
    write_text(tmp_path / "a.txt", "first")
    write_text(tmp_path / "a.txt", "second")
    assert record.is_own(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("the user's own")
    with pytest.raises(ForeignFile, match=r"b\.txt: lungcam has not written this"):
        write_text(tmp_path / "b.txt", "lungcam's")
    assert (tmp_path / "b.txt").read_text() == "the user's own"
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "a.txt", "b.txt"]


@pytest.mark.parametrize("change", ["content", "size", "link", "folder", "touched"])
def test_a_file_that_was_changed_since_is_the_users(tmp_path, change):
    record = keep_record(tmp_path)
    file = tmp_path / "a.txt"
    write_text(file, "first")
    status = file.stat()
    if change == "content":
        file.write_text("other")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    elif change == "size":
        file.write_text("longer than before")
    elif change == "link":
        (tmp_path / "mine").write_text("first")
        file.unlink()
        file.symlink_to(tmp_path / "mine")
    elif change == "folder":
        file.unlink()
        file.mkdir()
    else:
        os.utime(file)
        record.discard(file)
        assert not file.exists()
        return
    with pytest.raises(ForeignFile):
        record.discard(file)
    assert os.path.lexists(file)


def test_another_process_reads_the_record(tmp_path):
    keep_record(tmp_path)
    script = (
        "import sys; from pathlib import Path; from lungcam.runtime.atomic import write_text\n"
        "write_text(Path(sys.argv[1]), 'by another process')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.txt")], check=True)
    assert open_record(tmp_path).is_own(tmp_path / "a.txt")
    write_text(tmp_path / "a.txt", "again")


KILLED = """
import os, signal, sys
from pathlib import Path
from lungcam.runtime import atomic

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "before":
    atomic.os.replace = kill
    atomic.write_text(Path(sys.argv[1]), "second")
else:
    atomic.write_text(Path(sys.argv[1]), "second")
    kill()
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_next_to_the_renaming_leaves_no_file_without_a_line(tmp_path, moment):
    keep_record(tmp_path)
    write_text(tmp_path / "a.txt", "first")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.txt"), moment])
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "a.txt").read_text() == ("first" if moment == "before" else "second")
    write_text(tmp_path / "a.txt", "third")
    assert (tmp_path / "a.txt").read_text() == "third"


def test_a_record_holds_for_folders_below_as_deep_as_it_says(tmp_path):
    keep_record(tmp_path, depth=1)
    assert record_of(tmp_path / "a" / "b.txt") is not None
    assert record_of(tmp_path / "a" / "b" / "c.txt") is None
    assert record_of(tmp_path.parent / "b.txt") is None
    write_text(tmp_path / "a" / "b.txt", "lungcam's")
    assert open_record(tmp_path).is_own(tmp_path / "a" / "b.txt")
    keep_record(tmp_path / "a")
    # a folder's own record comes first
    with pytest.raises(ForeignFile):
        write_text(tmp_path / "a" / "b.txt", "lungcam's")


@pytest.mark.parametrize("rest", [b"[", b"\xff\xfe\n", b'["a.txt", 5]\n', b"7\n", b"[[[[\n"])
def test_a_line_that_was_cut_short_or_damaged_counts_for_nothing(tmp_path, rest):
    keep_record(tmp_path)
    write_text(tmp_path / "a.txt", "first")
    with (tmp_path / NAME).open("ab") as stream:
        stream.write(rest)
    write_text(tmp_path / "b.txt", "second")
    written._records.clear()
    record = open_record(tmp_path)
    assert record.is_own(tmp_path / "a.txt")
    assert record.is_own(tmp_path / "b.txt")


def test_a_long_record_is_shortened(tmp_path, monkeypatch):
    monkeypatch.setattr(written, "LONGEST", 20)
    keep_record(tmp_path, depth=2)
    for number in range(30):
        write_text(tmp_path / "a.txt", str(number))
    write_text(tmp_path / "b.txt", "b")
    record = keep_record(tmp_path)
    assert len((tmp_path / NAME).read_text().splitlines()) == 4
    assert record.depth == 2
    assert record.is_own(tmp_path / "a.txt")
    assert record.is_own(tmp_path / "b.txt")


def test_an_error_of_the_disk_names_the_file(tmp_path):
    def fail():
        with atomic_write(tmp_path / "a.txt"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"):
        fail()
