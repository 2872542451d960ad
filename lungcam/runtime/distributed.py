"""Rank of this process among those of a training, before anything heavy is loaded."""

import os
from collections.abc import Sequence

from lungcam.errors import InputError

# set by torchrun, and by srun
RANK = ("RANK", "SLURM_PROCID")
STARTED_BY_SRUN = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID")
WORLD_SIZE = ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


def world_size() -> int:
    """Return the number of processes that torchrun or srun started; 1 without them."""
    return _first_set(WORLD_SIZE, 1)


def rank() -> int:
    """Return the rank of this process; only rank 0 writes files and prints."""
    return _first_set(RANK, 0) if world_size() > 1 else 0


def refuse_lone_task() -> None:
    """Refuse one process in a place of several of Slurm, which would wait for the others.

    Raises:
        InputError: The processes were not started by srun.
    """
    tasks = os.environ.get("SLURM_NTASKS", "")
    # Lightning takes jobs of these names for a shell
    if not tasks or os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return
    if not all(os.environ.get(name, "").isdecimal() for name in STARTED_BY_SRUN):
        raise InputError(
            f"SLURM_NTASKS={tasks}: the processes of this job were not started by srun; put srun "
            "before the command, or unset SLURM_NTASKS for a single process."
        )


def rank_arguments(arguments: Sequence[str]) -> list[str]:
    """Keep Hydra from making a run folder in each process: rank 0 makes the only one.

    Args:
        arguments: Command-line arguments of `train.py`.

    Raises:
        InputError: Several processes were started for a sweep.
    """
    refuse_lone_task()
    if world_size() > 1 and {"-m", "--multirun"} & set(arguments):
        raise InputError(
            "-m: a sweep starts the processes of its runs itself; leave torchrun or srun out."
        )
    if rank() == 0:
        return list(arguments)
    no_output = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=none")
    return [*arguments, *no_output]


def _first_set(names: Sequence[str], default: int) -> int:
    name = next((name for name in names if os.environ.get(name)), None)
    if name is None:
        return default
    if not os.environ[name].isdecimal():
        raise InputError(f"{name}={os.environ[name]}: it must be a number from 0; unset it.")
    return int(os.environ[name])
