"""Which of several processes this is, as torchrun and srun tell it."""

import pytest

from lungcam.errors import InputError
from lungcam.runtime.distributed import RANK, WORLD, launched, rank, rank_arguments


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in (*RANK, *WORLD):
        monkeypatch.delenv(name, raising=False)


def test_one_process_is_rank_zero_and_keeps_its_arguments():
    assert (launched(), rank()) == (1, 0)
    assert rank_arguments(["-m", "seed=1,2"]) == ["-m", "seed=1,2"]


@pytest.mark.parametrize(
    ("rank_name", "world_name"),
    [("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")],
)
def test_only_rank_zero_has_a_run_folder(monkeypatch, rank_name, world_name):
    monkeypatch.setenv(world_name, "2")
    monkeypatch.setenv(rank_name, "0")
    given = ["trainer=ddp", "hydra.run.dir=run"]
    assert rank_arguments(given) == given
    monkeypatch.setenv(rank_name, "1")
    assert (launched(), rank()) == (2, 1)
    changed = rank_arguments(given)
    # the last one holds
    assert changed[:2] == given
    assert {"hydra.run.dir=.", "hydra.output_subdir=null"} <= set(changed[2:])


def test_the_number_that_a_batch_job_leaves_behind_is_no_rank(monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert rank() == 0


def test_a_sweep_is_not_started_in_each_process(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(InputError, match=r"^-m: a sweep starts the processes of its runs itself"):
        rank_arguments(["-m", "seed=1,2"])
