"""Which of several processes of one training this is, before anything heavy is loaded."""

import os
from collections.abc import Sequence

from lungcam.errors import InputError

# set by torchrun, and by srun
RANK = ("RANK", "SLURM_PROCID")
WORLD = ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


def _told(names: Sequence[str], default: int) -> int:
    return next((int(os.environ[name]) for name in names if os.environ.get(name)), default)


def launched() -> int:
    """Number of processes that torchrun or srun started for this training; 1 without them."""
    return _told(WORLD, 1)


def rank() -> int:
    """Number of this process among them; only 0 writes files and speaks."""
    return _told(RANK, 0) if launched() > 1 else 0


def rank_arguments(arguments: Sequence[str]) -> list[str]:
    """Keep Hydra from making a run folder in each process: rank zero's is the run's.

    Args:
        arguments: Command-line arguments of `train.py`.

    Raises:
        InputError: Several processes were started for a sweep.
    """
    if launched() > 1 and {"-m", "--multirun"} & set(arguments):
        raise InputError(
            "-m: a sweep starts the processes of its runs itself; leave torchrun or srun out."
        )
    if rank() == 0:
        return list(arguments)
    quiet = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=none")
    return [*arguments, *quiet]
