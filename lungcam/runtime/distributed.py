"""Rank of this process among those of a training, before anything heavy is loaded."""

import os
from collections.abc import Sequence

from lungcam.errors import InputError

# set by torchrun, and by srun
RANK = ("RANK", "SLURM_PROCID")
WORLD_SIZE = ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


def world_size() -> int:
    """Return the number of processes that torchrun or srun started; 1 without them."""
    return _first_set(WORLD_SIZE, 1)


def rank() -> int:
    """Return the rank of this process; only rank 0 writes files and prints."""
    return _first_set(RANK, 0) if world_size() > 1 else 0


def rank_arguments(arguments: Sequence[str]) -> list[str]:
    """Keep Hydra from making a run folder in each process: rank 0 makes the only one.

    Args:
        arguments: Command-line arguments of `train.py`.

    Raises:
        InputError: Several processes were started for a sweep.
    """
    if world_size() > 1 and {"-m", "--multirun"} & set(arguments):
        raise InputError(
            "-m: a sweep starts the processes of its runs itself; leave torchrun or srun out."
        )
    if rank() == 0:
        return list(arguments)
    no_output = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=none")
    return [*arguments, *no_output]


def _first_set(names: Sequence[str], default: int) -> int:
    return next((int(os.environ[name]) for name in names if os.environ.get(name)), default)
