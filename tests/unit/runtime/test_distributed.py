"""Tests of the rank that torchrun and srun give a process."""

import pytest

from lungcam.errors import InputError
from lungcam.runtime.distributed import RANK, WORLD_SIZE, rank, rank_arguments, world_size


@pytest.fixture(autouse=True)
def single_process(monkeypatch):
    for name in (*RANK, *WORLD_SIZE):
        monkeypatch.delenv(name, raising=False)


def test_a_single_process_has_rank_zero_and_keeps_its_arguments():
    assert (world_size(), rank()) == (1, 0)
    assert rank_arguments(["-m", "seed=1,2"]) == ["-m", "seed=1,2"]


@pytest.mark.parametrize(
    ("rank_name", "world_name"),
    [("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")],
)
def test_only_rank_zero_has_a_run_folder(monkeypatch, rank_name, world_name):
    monkeypatch.setenv(world_name, "2")
    monkeypatch.setenv(rank_name, "0")
    arguments = ["trainer=ddp", "hydra.run.dir=run"]
    assert rank_arguments(arguments) == arguments
    monkeypatch.setenv(rank_name, "1")
    assert (world_size(), rank()) == (2, 1)
    changed = rank_arguments(arguments)
    # in Hydra the last value of a key counts
    assert changed[:2] == arguments
    assert {"hydra.run.dir=.", "hydra.output_subdir=null"} <= set(changed[2:])


def test_the_process_number_of_a_batch_job_is_no_rank(monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert rank() == 0


def test_a_sweep_in_several_processes_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(InputError, match=r"^-m: a sweep starts the processes of its runs itself"):
        rank_arguments(["-m", "seed=1,2"])


@pytest.mark.parametrize("started", [{}, {"SLURM_PROCID": "0"}])
def test_a_job_of_several_tasks_needs_srun(monkeypatch, started):
    monkeypatch.setenv("SLURM_NTASKS", "2")
    for name, value in started.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"SLURM_NTASKS=2: the processes .* srun"):
        rank_arguments([])
    monkeypatch.setenv("SLURM_JOB_NAME", "bash")
    assert rank_arguments([]) == []


def test_processes_that_srun_started_are_taken(monkeypatch):
    for name, value in {"NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert rank_arguments([]) == []


def test_a_rank_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(InputError, match="WORLD_SIZE=two: it must be a number"):
        rank_arguments([])
