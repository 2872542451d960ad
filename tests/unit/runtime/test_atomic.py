"""Tests of atomic writing."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from lungcam.runtime.atomic import (
    atomic_write,
    clear_unfinished,
    uncell,
    write_json,
    write_table,
    write_text,
)


def test_the_file_exists_when_the_block_ends(tmp_path):
    with atomic_write(tmp_path / "a" / "b" / "c.txt") as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path / "a" / "b"
        assert not (tmp_path / "a" / "b" / "c.txt").exists()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.txt"]
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_keeps_the_old_file_and_leaves_no_temporary_file(tmp_path, error):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def fail():
        with atomic_write(file) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_before_the_first_byte_leaves_no_file(tmp_path):
    def fail():
        with atomic_write(tmp_path / "a.txt"):
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("a longer old text")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("name", ["a.nii.gz", "a.png", "a"])
def test_the_temporary_name_keeps_the_suffixes(tmp_path, name):
    with atomic_write(tmp_path / name) as temporary:
        assert temporary.name.endswith(name)
        temporary.write_bytes(b"")


def test_text_is_written_in_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "Brust-CT, 5 µm, 肺\n")
    assert (tmp_path / "a.txt").read_bytes() == "Brust-CT, 5 µm, 肺\n".encode()


KILLED = """
import os, signal, sys
from pathlib import Path
from lungcam.runtime.atomic import atomic_write

with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_only_the_unfinished_files_of_a_killed_process_are_cleared(tmp_path):
    for name in ("last.ckpt", "checkpoints/best.ckpt"):
        killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / name], check=False)
        assert killed.returncode == -signal.SIGKILL
    abandoned = tmp_path / ".elsewhere~1~0123abcd.last.ckpt"
    abandoned.write_text("half")
    two_days_ago = time.time() - 48 * 3600
    os.utime(abandoned, (two_days_ago, two_days_ago))
    # a process of another machine may still be writing; other names only look alike
    others = [
        ".elsewhere~2~0123abcd.last.ckpt",
        ".hydra/config.yaml",
        "last.ckpt",
        ".hidden",
        ".12",
    ]
    for name in others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("whole")
    with atomic_write(tmp_path / "now.ckpt") as living:
        living.write_text("half")
        assert len(list(tmp_path.rglob("*.ckpt"))) == 6
        clear_unfinished(tmp_path)
        paths = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert paths == {*others, living.name}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("'=1", "''=1"),
        ("＝1+1", "'＝1+1"),
        ("\t=1", r"\t=1"),
        ("a\r\n=1", r"a\r\n=1"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\udcff", r"a\udcff"),
        # numbers and ordinary text
        ("-12.5", "-12.5"),
        ("+1e-3", "+1e-3"),
        ("-", "-"),
        ("-inf", "-inf"),
        ("scan 1, left", "scan 1, left"),
        ("'quoted'", "'quoted'"),
    ],
)
def test_text_in_a_table_is_only_text(tmp_path, text, expected):
    write_table(tmp_path / "t.csv", ["a", "b"], rows=[{"a": text}, {"b": -1.5}])
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows == [["a", "b"], [expected, ""], ["", "-1.5"]]
    if text.isprintable():
        assert uncell(expected) == text


def test_a_column_that_is_unknown_is_a_defect(tmp_path):
    with pytest.raises(ValueError, match="there is no column b"):
        write_table(tmp_path / "t.csv", ["a"], rows=[{"b": 1}])


def test_json_holds_no_number_that_json_does_not_know(tmp_path):
    content = {"a": [float("nan"), (float("inf"), 1)], "b": {"c": -float("inf"), "d": "NaN"}}
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text()
    read = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert read == {"a": [None, [None, 1]], "b": {"c": None, "d": "NaN"}}
