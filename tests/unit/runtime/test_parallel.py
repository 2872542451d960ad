"""Work ahead in other processes. Only a module's function can be sent to another process."""

import math
import os
import signal
from functools import partial

import pytest

from lungcam.ahead import DIED, NO_MEMORY, Failure, attempt, work_ahead
from lungcam.errors import InputError


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
    assert list(work_ahead(math.factorial, jobs, workers)) == [120, 1, 24, 1, 6, 2, 720]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_job_that_fails_costs_itself_alone(workers):
    kinds = ["fine", "input", "memory", "defect", "fine", "fine"]
    found = list(work_ahead(work, list(zip(kinds, range(6), strict=True)), workers))
    assert [found[0], *found[4:]] == [0, 16, 25]
    assert found[1] == Failure("scan 1: damaged; copy it again.")
    assert found[2] == Failure(NO_MEMORY)
    assert found[3].reason == "KeyError: 3"
    assert "raise KeyError(number)" in found[3].trace


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_job_that_kills_its_process_costs_itself_alone(workers):
    kinds = ["fine", "killed", "crash", "fine", "killed", "killed", "fine", "crash"]
    found = list(work_ahead(work, list(zip(kinds, range(8), strict=True)), workers))
    assert found == [n * n if kind == "fine" else Failure(DIED) for n, kind in enumerate(kinds)]


def test_no_more_jobs_are_begun_than_there_are_processes(tmp_path):
    """The caller takes one result and waits: what was begun by then has left a file."""
    jobs = [(tmp_path / str(n),) for n in range(8)]
    results = work_ahead(partial(os.open, flags=os.O_CREAT), jobs, 2)
    for taken in range(1, 5):
        next(results)
        assert len(list(tmp_path.iterdir())) <= taken + 2
    results.close()


def test_without_processes_work_is_done_here_when_its_turn_comes():
    assert list(work_ahead(pid, [(1,), (2,)], 0)) == [os.getpid()] * 2
    assert os.getpid() not in list(work_ahead(pid, [(1,), (2,)], 2))


def test_every_process_computes_on_one_thread():
    assert list(work_ahead(threads, [(), ()], 2)) == [("1", "1")] * 2


def test_processes_end_with_the_caller():
    results = work_ahead(pid, [(n,) for n in range(4)], 2)
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
