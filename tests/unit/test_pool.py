"""Jobs in several processes. Only a module's function can be sent to another process."""

import math
import os
import shutil

import pytest

from lungcam.files import write_text
from lungcam.pool import processors, run_all


@pytest.mark.parametrize("workers", [1, 2, None])
def test_results_of_all_jobs_are_on_disk(tmp_path, workers):
    jobs = [(tmp_path / f"{k}.txt", str(k * k)) for k in range(7)]
    run_all(write_text, jobs, "squares", workers=workers)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{k}.txt": str(k * k) for k in range(7)
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_jobs_order(workers):
    numbers = [(n,) for n in (5, 1, 4, 0, 3)]
    assert run_all(math.factorial, numbers, "factorials", workers=workers) == [120, 1, 24, 1, 6]


def test_every_process_computes_on_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    names = [("OMP_NUM_THREADS",), ("OPENBLAS_NUM_THREADS",)]
    assert run_all(os.getenv, names, "environment", workers=2) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_exception_of_a_job_is_raised(workers):
    with pytest.raises(ValueError, match="factorial"):
        run_all(math.factorial, [(3,), (-1,), (4,)], "factorials", workers=workers)


def test_one_worker_works_in_this_process(tmp_path):
    seen = []
    run_all(lambda number: seen.append((number, os.getpid())), [(1,), (2,)], "here", workers=1)
    assert seen == [(1, os.getpid()), (2, os.getpid())]


def test_one_worker_stops_at_the_first_error():
    seen = []

    def work(number):
        seen.append(number)
        if number == 2:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        run_all(work, [(1,), (2,), (3,)], "here", workers=1)
    assert seen == [1, 2]


def test_what_was_done_before_an_error_is_kept(tmp_path):
    source = tmp_path / "a"
    source.write_text("a")
    jobs = [(source, tmp_path / "b"), (tmp_path / "none", tmp_path / "c")]
    with pytest.raises(FileNotFoundError):
        run_all(shutil.copy, jobs, "copies", workers=2)
    assert (tmp_path / "b").read_text() == "a"


def test_no_jobs_are_done_at_once(capsys):
    run_all(write_text, [], "nothing")
    assert capsys.readouterr().err == ""


def test_label_stands_beside_the_bar(capsys):
    run_all(abs, [(1,)], "preparing scans", workers=1)
    assert "preparing scans" in capsys.readouterr().err


def test_processors_are_those_this_process_may_use():
    assert 1 <= processors() <= os.cpu_count()
