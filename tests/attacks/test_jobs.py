"""Whole commands that are ended at any moment, and those on a disk that gets full.

A moment of each; 30 and 20 with `--all-moments`, as in `make attacks`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ALONE, ROOT
from .small_disk import small_disk

# the first test of a kind waits for all jobs
pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]
ENDED = ("training", "batch")
# these take minutes more
LONG = ("evaluation", "cache", "search")
FULL = ("training", "single", "batch", "check")
LONG_FULL = ("evaluation", "cache", "search")
FEW, ALL = ("--kills=1", "--terms=1"), ("--kills=20", "--terms=10")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """Return the folder in which the jobs share phantoms and a net."""
    for package in ("optuna", "highdicom"):
        pytest.importorskip(package, reason=f"needs {package}")
    return tmp_path_factory.mktemp("jobs")


def results(script: str, folder: Path, *arguments: str) -> dict[str, dict]:
    """Run a script of this folder; return its results by job."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name(script), folder, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ALONE, "PYTHONPATH": str(ROOT)},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode in (0, 1), done
    return {answer["job"]: answer for answer in answers}


@pytest.fixture(scope="module")
def ended(inputs, request) -> dict[str, dict]:
    if request.config.getoption("all_moments"):
        return results("ends.py", inputs, *ENDED, *LONG, *ALL)
    return results("ends.py", inputs, *ENDED, *FEW)


@pytest.fixture(scope="module")
def on_a_full_disk(inputs, request) -> dict[str, dict]:
    try:
        with small_disk(inputs / "tried", 1 << 20):
            pass
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small disk")
    if request.config.getoption("all_moments"):
        return results("full_disk.py", inputs, *FULL, *LONG_FULL, "--moments=20")
    return results("full_disk.py", inputs, *FULL, "--moments=1")


@pytest.mark.parametrize("job", [*ENDED, *LONG])
def test_a_job_that_was_ended_goes_on_with_equal_results(ended, job, record_property):
    if job not in ended:
        pytest.skip("make attacks ends it")
    answer = ended[job]
    kind = f"{job}: ended by SIGKILL or SIGTERM, and continued"
    record_property("attack", {"kind": kind, "cases": answer["cases"], "held": answer["held"]})
    assert answer["faults"] == []


@pytest.mark.parametrize("job", [*FULL, *LONG_FULL])
def test_a_job_on_a_full_disk_says_so_and_works_later(on_a_full_disk, job, record_property):
    if job not in on_a_full_disk:
        pytest.skip("make attacks fills the disk for it")
    answer = on_a_full_disk[job]
    kind = f"{job}: on a disk that gets full"
    record_property("attack", {"kind": kind, "cases": answer["cases"], "held": answer["held"]})
    assert answer["faults"] == []
