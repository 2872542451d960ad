"""Work ahead in other processes. Only a module's function can be sent to another process.

Jobs in several processes. Only a module's function can be sent to another process.
"""

import math
import os
import shutil
import signal
from functools import partial

import pytest

from lungcam.errors import InputError
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import (
    DIED,
    NO_MEMORY,
    Failure,
    attempt,
    processors,
    run_all,
    work_ahead,
)


def work(kind: str, number: int) -> int:
    """Square a number, or fail in one of the ways in which a scan can."""
    match kind:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            os.abort()
        case "memory":
            raise MemoryError
        case "input":
            raise InputError(f"scan {number}: damaged; copy it again.")
        case "defect":
            raise KeyError(number)
    return number * number


def pid(_: int) -> int:
    return os.getpid()


def threads() -> tuple[str | None, str | None]:
    return os.getenv("OMP_NUM_THREADS"), os.getenv("OPENBLAS_NUM_THREADS")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_the_jobs_order(workers):
    jobs = [(n,) for n in (5, 1, 4, 0, 3, 2, 6)]
    assert list(work_ahead(math.factorial, jobs, workers=workers)) == [120, 1, 24, 1, 6, 2, 720]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_job_that_fails_costs_itself_alone(workers):
    kinds = ["fine", "input", "memory", "defect", "fine", "fine"]
    found = list(work_ahead(work, list(zip(kinds, range(6), strict=True)), workers=workers))
    assert [found[0], *found[4:]] == [0, 16, 25]
    assert found[1] == Failure("scan 1: damaged; copy it again.")
    assert found[2] == Failure(NO_MEMORY)
    assert found[3].reason == "KeyError: 3"
    assert "raise KeyError(number)" in found[3].trace


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_job_that_kills_its_process_costs_itself_alone(workers):
    kinds = ["fine", "killed", "crash", "fine", "killed", "killed", "fine", "crash"]
    found = list(work_ahead(work, list(zip(kinds, range(8), strict=True)), workers=workers))
    assert found == [n * n if kind == "fine" else Failure(DIED) for n, kind in enumerate(kinds)]


def test_no_more_jobs_are_begun_than_there_are_processes(tmp_path):
    """The caller takes one result and waits: what was begun by then has left a file."""
    jobs = [(tmp_path / str(n),) for n in range(8)]
    results = work_ahead(partial(os.open, flags=os.O_CREAT), jobs, workers=2)
    for taken in range(1, 5):
        next(results)
        assert len(list(tmp_path.iterdir())) <= taken + 2
    results.close()


def test_without_processes_work_is_done_here_when_its_turn_comes():
    assert list(work_ahead(pid, [(1,), (2,)], workers=0)) == [os.getpid()] * 2
    assert os.getpid() not in list(work_ahead(pid, [(1,), (2,)], workers=2))


def test_every_process_computes_on_one_thread():
    assert list(work_ahead(threads, [(), ()], workers=2)) == [("1", "1")] * 2


def test_processes_end_with_the_caller():
    results = work_ahead(pid, [(n,) for n in range(4)], workers=2)
    child = next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_torchs_want_of_memory_is_no_defect():
    def want() -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    assert attempt(want) == Failure(NO_MEMORY)


def test_a_disks_fault_is_no_defect_and_can_be_fatal(tmp_path):
    gone = tmp_path / "gone"
    found = attempt(gone.read_bytes)
    assert found == Failure(f"{gone}: No such file or directory; check the path and its disk.")
    with pytest.raises(FileNotFoundError):
        attempt(gone.read_bytes, fatal=(OSError,))


@pytest.mark.parametrize("workers", [1, 2, None])
def test_results_of_all_jobs_are_on_disk(tmp_path, workers):
    jobs = [(tmp_path / f"{k}.txt", str(k * k)) for k in range(7)]
    run_all(write_text, jobs, label="squares", workers=workers)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{k}.txt": str(k * k) for k in range(7)
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_jobs_order_pool(workers):
    numbers = [(n,) for n in (5, 1, 4, 0, 3)]
    assert run_all(math.factorial, numbers, label="factorials", workers=workers) == [
        120,
        1,
        24,
        1,
        6,
    ]


def test_every_process_computes_on_one_thread_pool(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    names = [("OMP_NUM_THREADS",), ("OPENBLAS_NUM_THREADS",)]
    assert run_all(os.getenv, names, label="environment", workers=2) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_exception_of_a_job_is_raised(workers):
    with pytest.raises(ValueError, match="factorial"):
        run_all(math.factorial, [(3,), (-1,), (4,)], label="factorials", workers=workers)


def test_one_worker_works_in_this_process(tmp_path):
    seen = []
    run_all(
        lambda number: seen.append((number, os.getpid())), [(1,), (2,)], label="here", workers=1
    )
    assert seen == [(1, os.getpid()), (2, os.getpid())]


def test_one_worker_stops_at_the_first_error():
    seen = []

    def work(number):
        seen.append(number)
        if number == 2:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        run_all(work, [(1,), (2,), (3,)], label="here", workers=1)
    assert seen == [1, 2]


def test_what_was_done_before_an_error_is_kept(tmp_path):
    source = tmp_path / "a"
    source.write_text("a")
    jobs = [(source, tmp_path / "b"), (tmp_path / "none", tmp_path / "c")]
    with pytest.raises(FileNotFoundError):
        run_all(shutil.copy, jobs, label="copies", workers=2)
    assert (tmp_path / "b").read_text() == "a"


def test_no_jobs_are_done_at_once(capsys):
    run_all(write_text, [], label="nothing")
    assert capsys.readouterr().err == ""


def test_label_stands_beside_the_bar(capsys):
    run_all(abs, [(1,)], label="preparing scans", workers=1)
    assert "preparing scans" in capsys.readouterr().err


def test_processors_are_those_this_process_may_use():
    assert 1 <= processors() <= os.cpu_count()
