"""Attacks: input that was made to harm. Each is refused in one line, within limits."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lungcam.config.instantiate import trust_of_one_command

ROOT = Path(__file__).parents[2]
# each thread would reserve memory of its own
ALONE = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
LIMITED = Path(__file__).with_name("limited.py")


# answers of the runners in the test that runs
_answers: list[dict] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker("attacks")


def _runner(kind: str) -> Iterator[Callable[[Path], dict]]:
    if not Path("/proc/self/statm").exists():
        pytest.skip("limits need Linux' /proc")
    process = subprocess.Popen(
        [sys.executable, LIMITED, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **ALONE, "PYTHONPATH": str(ROOT)},
    )

    def run(path: Path) -> dict:
        print(json.dumps({"kind": kind, "path": str(path)}), file=process.stdin, flush=True)
        _answers.append(json.loads(process.stdout.readline()))
        return _answers[-1]

    with process:
        yield run
        process.stdin.close()


@pytest.fixture(autouse=True)
def _trusted() -> Iterator[None]:
    """Leave no distrust behind: tests that continue a run do so in this process."""
    with trust_of_one_command():
        yield


@pytest.fixture(autouse=True)
def _counted(record_property) -> Iterator[None]:
    """Record the cases of a test, and the worst of their memory and time."""
    _answers.clear()
    yield
    if _answers:
        worst = {
            name: max((answer.get(key, 0) for answer in _answers), default=None)
            for name, key in (("megabytes", "peak_mb"), ("seconds", "seconds"))
        }
        record_property("attack", {"cases": len(_answers), **worst})


@pytest.fixture(scope="session")
def examined() -> Iterator[Callable[[Path], dict]]:
    """Return a function that checks a scan within limits."""
    yield from _runner("scan")


@pytest.fixture(scope="session")
def loaded() -> Iterator[Callable[[Path], dict]]:
    """Return a function that loads a checkpoint within limits."""
    yield from _runner("checkpoint")


def refused(answer: dict, path: Path) -> None:
    """Check that a file was refused in one line that names it, and not by a crash."""
    assert not answer.get("crash"), answer
    assert not answer["usable"], answer
    assert str(path) in answer["line"], answer
    assert "\n" not in answer["line"]
    assert "Traceback" not in answer["line"]
