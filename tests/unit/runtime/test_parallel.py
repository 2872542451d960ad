"""Tests of work in several processes. Only a module's function can be sent to a process."""

import math
import os
import shutil
import signal
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

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


def square(kind: str, number: int) -> int:
    """Return the square of a number, or fail in one of the ways in which a scan can."""
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


@pytest.mark.parametrize("workers", [1, 2, None])
def test_run_all_does_every_job(tmp_path, workers):
    jobs = [(tmp_path / f"{k}.txt", str(k * k)) for k in range(7)]
    run_all(write_text, jobs, label="squares", workers=workers)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{k}.txt": str(k * k) for k in range(7)
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_run_all_returns_results_in_the_order_of_the_jobs(workers):
    jobs = [(n,) for n in (5, 1, 4, 0, 3)]
    results = run_all(math.factorial, jobs, label="factorials", workers=workers)
    assert results == [120, 1, 24, 1, 6]


def test_run_all_computes_on_one_thread_per_process(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    names = [("OMP_NUM_THREADS",), ("OPENBLAS_NUM_THREADS",)]
    assert run_all(os.getenv, names, label="environment", workers=2) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_run_all_raises_the_exception_of_a_job(workers):
    with pytest.raises(ValueError, match="factorial"):
        run_all(math.factorial, [(3,), (-1,), (4,)], label="factorials", workers=workers)


def test_run_all_shows_the_traceback_of_the_process():
    jobs = [("fine", 0), ("defect", 1)]
    with pytest.raises(KeyError) as raised:
        run_all(square, jobs, label="squares", workers=2)
    assert "raise KeyError(number)" in raised.value.__notes__[0]


def test_run_all_ends_when_a_process_is_killed():
    jobs = [("fine", 0), ("killed", 1), ("fine", 2)]
    with pytest.raises(BrokenProcessPool):
        run_all(square, jobs, label="squares", workers=2)


def test_run_all_with_one_worker_works_in_this_process():
    calls = []
    run_all(
        lambda number: calls.append((number, os.getpid())), [(1,), (2,)], label="here", workers=1
    )
    assert calls == [(1, os.getpid()), (2, os.getpid())]


def test_run_all_with_one_worker_stops_at_the_first_error():
    calls = []

    def fail_at_two(number):
        calls.append(number)
        if number == 2:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        run_all(fail_at_two, [(1,), (2,), (3,)], label="here", workers=1)
    assert calls == [1, 2]


def test_run_all_finishes_the_jobs_that_have_begun_before_an_error(tmp_path):
    source = tmp_path / "a"
    source.write_text("a")
    jobs = [(source, tmp_path / "b"), (tmp_path / "none", tmp_path / "c")]
    with pytest.raises(FileNotFoundError):
        run_all(shutil.copy, jobs, label="copies", workers=2)
    assert (tmp_path / "b").read_text() == "a"


def test_run_all_without_jobs_prints_nothing(capsys):
    assert run_all(write_text, [], label="nothing") == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_run_all_labels_its_progress_bar(capsys, workers):
    run_all(abs, [(1,), (2,)], label="preparing scans", workers=workers)
    assert "preparing scans: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_work_ahead_yields_results_in_the_order_of_the_jobs(workers):
    jobs = [(n,) for n in (5, 1, 4, 0, 3, 2, 6)]
    assert list(work_ahead(math.factorial, jobs, workers=workers)) == [120, 1, 24, 1, 6, 2, 720]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_job_that_fails_costs_itself_alone(workers):
    kinds = ["fine", "input", "memory", "defect", "fine", "fine"]
    results = list(work_ahead(square, list(zip(kinds, range(6), strict=True)), workers=workers))
    assert [results[0], *results[4:]] == [0, 16, 25]
    assert results[1] == Failure("scan 1: damaged; copy it again.")
    assert results[2] == Failure(NO_MEMORY)
    assert results[3].reason == "KeyError: 3"
    assert "raise KeyError(number)" in results[3].trace


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_job_that_kills_its_process_costs_itself_alone(workers):
    kinds = ["fine", "killed", "crash", "fine", "killed", "killed", "fine", "crash"]
    results = list(work_ahead(square, list(zip(kinds, range(8), strict=True)), workers=workers))
    assert results == [n * n if kind == "fine" else Failure(DIED) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize("workers", [2, 3])
def test_a_lenient_run_goes_on_after_a_crash_and_a_lack_of_memory(workers):
    kinds = ["fine", "killed", "crash", "memory", "fine", "killed"]
    jobs = list(zip(kinds, range(6), strict=True))
    results = run_all(square, jobs, label="x", workers=workers, lenient=True)
    died, lacking = Failure(DIED), Failure(NO_MEMORY)
    assert results == [0, died, died, lacking, 16, died]
    with pytest.raises(KeyError):
        run_all(square, [("defect", 1), ("fine", 2)], label="x", workers=workers, lenient=True)


def test_work_ahead_begins_no_more_jobs_than_it_has_processes(tmp_path):
    # each job that has begun leaves a file
    jobs = [(tmp_path / str(n),) for n in range(8)]
    results = work_ahead(partial(os.open, flags=os.O_CREAT), jobs, workers=2)
    for taken in range(1, 5):
        next(results)
        assert len(list(tmp_path.iterdir())) <= taken + 2
    results.close()


def test_work_ahead_draws_no_job_before_it_can_begin():
    drawn = []

    def jobs():
        for number in range(5):
            drawn.append(number)
            yield (number,)

    results = work_ahead(pid, jobs(), workers=2)
    next(results)
    assert drawn == [0, 1, 2]
    results.close()


def test_work_ahead_without_workers_works_in_this_process():
    assert list(work_ahead(pid, [(1,), (2,)], workers=0)) == [os.getpid()] * 2
    assert os.getpid() not in list(work_ahead(pid, [(1,), (2,)], workers=2))


def test_work_ahead_computes_on_one_thread_per_process():
    assert list(work_ahead(threads, [(), ()], workers=2)) == [("1", "1")] * 2


def test_processes_end_with_the_caller():
    results = work_ahead(pid, [(n,) for n in range(4)], workers=2)
    child = next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_torch_running_out_of_memory_is_no_defect():
    def allocate() -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    assert attempt(allocate) == Failure(NO_MEMORY)


def test_a_disk_error_is_no_defect_and_can_be_fatal(tmp_path: Path):
    missing = tmp_path / "missing"
    failure = attempt(missing.read_bytes)
    assert failure == Failure(f"{missing}: No such file or directory; check the path and its disk.")
    with pytest.raises(FileNotFoundError):
        attempt(missing.read_bytes, fatal=(OSError,))


def test_processors_are_those_this_process_may_use():
    assert 1 <= processors() <= os.cpu_count()
