"""The cache: prepared in parts, killed during preparation, listed and cleared."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lungcam.data.cache_inventory import inventory

from .conftest import ROOT, command

SETTINGS = ("data.n=16", "data.matrix=64", "data.root=phantoms")
KILLS = 2


def contents(cache: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in cache.glob("inputs/[0-9a-f]*.prepared")}


def lungcam(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lungcam", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with `parts`, a cache that was prepared in two parts."""
    path = tmp_path_factory.mktemp("cache")
    done = command(
        "train.py",
        "-m",
        "prepare=1/2,2/2",
        "cache=parts",
        *SETTINGS,
        "hydra.sweep.dir=sweep",
        cwd=path,
    )
    assert done.returncode == 0, done.stderr
    for part in (1, 2):
        assert f"part {part} of 2: 8 inputs are in the cache" in done.stdout
    # nothing was trained
    assert not list((path / "sweep").rglob("*.ckpt"))
    return path


def start(folder: Path) -> subprocess.Popen:
    """Start to prepare everything, as a group of processes."""
    arguments = ["prepare=1/1", "cache=killed", *SETTINGS, "hydra.run.dir=run"]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow
def test_parts_and_killed_preparations_give_the_same_cache(folder):
    (folder / "killed" / "inputs").mkdir(parents=True)
    for _ in range(KILLS):
        job, before = start(folder), len(contents(folder / "killed"))
        while job.poll() is None and len(contents(folder / "killed")) == before:
            time.sleep(0.005)
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
        job.wait()
        states = {entry.state for entry in inventory(folder / "killed" / "inputs")}
        # a child process that was killed too may not have ended yet
        assert states <= {"current", "left over", "unfinished", "memory"}
    # two at once
    assert [job.wait() for job in [start(folder), start(folder)]] == [0, 0]
    whole = contents(folder / "killed")
    assert len(whole) == 16
    assert whole == contents(folder / "parts")


def test_info_lists_damaged_entries_and_clear_removes_only_entries(folder):
    cache = folder / "parts"
    file = next(cache.glob("inputs/*.prepared"))
    file.write_bytes(file.read_bytes()[:-1])
    (cache / "inputs" / "mine.txt").write_text("not lungcam's")
    done = lungcam("cache", "info", "cache=parts", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "16 prepared inputs" in done.stdout
    assert "15 of this version" in done.stdout
    assert "1 damaged" in done.stdout
    done = lungcam("cache", "clear", "cache=parts", "stale=true", cwd=folder)
    assert "removed 1 file" in done.stdout
    assert len(contents(cache)) == 15
    done = lungcam("cache", "clear", "cache=parts", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (cache / "inputs").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cache",), "cache: say what to do"),
        (("cache", "empty"), "cache: say what to do"),
        (("cache", "info", "cache=nowhere"), "nowhere: there is no such folder"),
        (("cache", "clear", "stale=yes"), "stale=yes"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(arguments, message, tmp_path):
    done = lungcam(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert message in line


def test_a_wrong_part_is_refused(folder):
    done = command("train.py", "prepare=5/4", *SETTINGS, cwd=folder)
    assert done.returncode == 2
    assert "prepare=5/4: give K/N" in done.stderr
