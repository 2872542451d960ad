"""The cache: prepared in parts, killed while it is built, looked at and cleared."""

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
    return {one.name: one.read_bytes() for one in cache.glob("inputs/[0-9a-f]*.prepared")}


def lungcam(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lungcam", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with `parts`, a cache that was prepared in two parts."""
    folder = tmp_path_factory.mktemp("cache")
    done = command(
        "train.py",
        "-m",
        "prepare=1/2,2/2",
        "cache=parts",
        *SETTINGS,
        "hydra.sweep.dir=sweep",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    for part in (1, 2):
        assert f"part {part} of 2: 8 inputs are in the cache" in done.stdout
    # prepared alone
    assert not list((folder / "sweep").rglob("*.ckpt"))
    return folder


def start(folder: Path) -> subprocess.Popen:
    """Begin to prepare everything, as a group of processes."""
    arguments = ["prepare=1/1", "cache=killed", *SETTINGS, "hydra.run.dir=run"]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_all_parts_are_the_whole_also_where_its_building_is_killed(place):
    (place / "killed" / "inputs").mkdir(parents=True)
    for _ in range(KILLS):
        job, before = start(place), len(contents(place / "killed"))
        while job.poll() is None and len(contents(place / "killed")) == before:
            time.sleep(0.005)
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
        job.wait()
        states = {one.state for one in inventory(place / "killed" / "inputs")}
        # a child that was killed with it may not be gone yet
        assert states <= {"current", "left over", "unfinished", "memory"}
    # two at once
    assert [job.wait() for job in [start(place), start(place)]] == [0, 0]
    whole = contents(place / "killed")
    assert len(whole) == 16
    assert whole == contents(place / "parts")


def test_info_tells_damage_and_clear_removes_only_what_it_may(place):
    cache = place / "parts"
    file = next(cache.glob("inputs/*.prepared"))
    file.write_bytes(file.read_bytes()[:-1])
    (cache / "inputs" / "mine.txt").write_text("not lungcam's")
    told = lungcam("cache", "info", "cache=parts", cwd=place)
    assert told.returncode == 0, told.stderr
    assert "16 prepared inputs" in told.stdout
    assert "15 of this version" in told.stdout
    assert "1 damaged" in told.stdout
    done = lungcam("cache", "clear", "cache=parts", "stale=true", cwd=place)
    assert "removed 1 file" in done.stdout
    assert len(contents(cache)) == 15
    done = lungcam("cache", "clear", "cache=parts", cwd=place)
    assert done.returncode == 0, done.stderr
    assert [one.name for one in (cache / "inputs").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("cache",), "cache: say what to do"),
        (("cache", "empty"), "cache: say what to do"),
        (("cache", "info", "cache=nowhere"), "nowhere: there is no such folder"),
        (("cache", "clear", "stale=yes"), "stale=yes"),
    ],
)
def test_a_wrong_command_is_named(arguments, named, tmp_path):
    done = lungcam(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert named in line


def test_a_wrong_part_is_named(place):
    done = command("train.py", "prepare=5/4", *SETTINGS, cwd=place)
    assert done.returncode == 2
    assert "prepare=5/4: give K/N" in done.stderr
