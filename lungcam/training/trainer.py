"""Lightning's Trainer under the names users know."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytorch_lightning as pl
import torch.utils.deterministic
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.profilers import (
    AdvancedProfiler,
    Profiler,
    PyTorchProfiler,
    SimpleProfiler,
)
from pytorch_lightning.strategies import DDPStrategy, Strategy

from lungcam.config.options import TrainerOptions
from lungcam.errors import InputError
from lungcam.runtime.devices import choose_accelerator
from lungcam.runtime.distributed import rank, world_size
from lungcam.runtime.freed_memory import keep_freed_memory

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
# processes wait for rank zero while it prepares a large cohort
BARRIER_TIMEOUT = timedelta(days=1)


def device_settings(gpus: int, devices: int = 1, *, accelerator: str = "auto") -> dict[str, object]:
    """Return Lightning's accelerator and devices.

    Args:
        gpus: Number of GPUs on each machine.
        devices: Number of processes on each machine, on the CPU.
        accelerator: One of `lungcam.config.options.ACCELERATORS`.

    Raises:
        InputError: This machine has no such device or fewer GPUs, the settings contradict each
            other, or there is no process.
    """
    if devices < 1:
        raise InputError(f"trainer.devices={devices}: give 1 or more.")
    kind = choose_accelerator(accelerator, gpus, prefix="trainer.")
    count = {"cpu": devices, "gpu": max(gpus, 1), "mps": 1}
    return {"accelerator": kind, "devices": count[kind]}


def choose_strategy(devices: int, num_nodes: int) -> str | Strategy:
    """Choose between one process, and several that torchrun, srun or Lightning starts.

    Args:
        devices: Number of processes on each machine.
        num_nodes: Number of machines.

    Raises:
        InputError: The number of started processes does not match the settings.
    """
    requested, started = devices * num_nodes, world_size()
    if started > 1 and started != requested:
        raise InputError(
            f"trainer.devices={devices}, trainer.num_nodes={num_nodes}: that makes {requested}, "
            f"but {started} processes were started; let them agree (on GPUs, trainer.gpus)."
        )
    if started == 1 and num_nodes > 1:
        raise InputError(
            f"trainer.num_nodes={num_nodes}: start the processes on all machines with torchrun or "
            "srun; docs/how-to.md shows how."
        )
    if requested == 1:
        return "auto"
    if started > 1:
        return DDPStrategy(timeout=BARRIER_TIMEOUT)
    # Lightning's default starts the script again, which would make a run folder for each process
    return DDPStrategy(start_method="spawn")


def make_trainer(
    config: TrainerOptions,
    run_folder: Path,
    *,
    logger: Sequence[pl.loggers.Logger],
    callbacks: Sequence[pl.Callback],
    plugins: Sequence[object] = (),
    alone: bool = False,
) -> pl.Trainer:
    """Make Lightning's Trainer.

    Args:
        config: Node `trainer` of the configuration.
        run_folder: Folder of the run's files.
        logger: Loggers.
        callbacks: Callbacks.
        plugins: Lightning plugins, such as `AtomicCheckpointIO`.
        alone: True to use this process alone, whatever the settings say.

    Raises:
        InputError: There are fewer GPUs than requested, or Lightning refuses a setting.
    """
    _silence_advice()
    keep_freed_memory()
    # otherwise deterministic training fills all new arrays with NaN before it writes them
    torch.utils.deterministic.fill_uninitialized_memory = False
    settings = dict(config)
    gpus, devices, nodes = (settings.pop(name) for name in ("gpus", "devices", "num_nodes"))
    if alone:
        gpus, devices, nodes = min(gpus, 1), 1, 1
    # a run of an earlier version, which is resumed, names none
    device = device_settings(gpus, devices, accelerator=settings.pop("accelerator", "auto"))
    strategy = "auto" if alone else choose_strategy(device["devices"], nodes)
    # Rich's bar, Lightning's default, takes half a millisecond a step
    has_bar = any(isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks)
    bar = [] if has_bar else [TQDMProgressBar(refresh_rate=10)]
    _refuse_unusable(callbacks)
    clip = settings.get("gradient_clip_val")
    if clip is not None and clip < 0:
        # torch would turn the gradient around
        raise InputError(f"trainer.gradient_clip_val={clip}: give 0 or more, or null.")
    settings["profiler"] = _profiler(settings.get("profiler"), run_folder)
    # the bar is made here
    shows_bar = settings.pop("enable_progress_bar", True)
    try:
        return pl.Trainer(
            **device,
            **{"enable_model_summary": False, "num_sanity_val_steps": 0, **settings},
            num_nodes=nodes,
            strategy=strategy,
            default_root_dir=run_folder,
            logger=list(logger),
            callbacks=[_SilenceAdvice(), *(bar if shows_bar else ()), *callbacks],
            enable_progress_bar=shows_bar or has_bar,
            plugins=list(plugins),
            # Grad-CAM needs gradients in predict
            inference_mode=False,
            # the data module distributes the samples, each validation sample once
            use_distributed_sampler=False,
        )
    except (ValueError, TypeError, pl.utilities.exceptions.MisconfigurationException) as error:
        raise InputError(f"trainer: {error}") from error


def _profiler(name: str | None, run_folder: Path) -> Profiler | None:
    """Make a profiler of Lightning that writes into the run folder; its own ones would print."""
    if name is None:
        return None
    return PROFILERS[name](dirpath=run_folder, filename="profile")


@contextmanager
def rank_zero_first(trainer: pl.Trainer) -> Iterator[None]:
    """Run a block in rank zero, then in the other processes that torchrun or srun started."""
    if world_size() > 1:
        trainer.strategy.setup_environment()
    if rank() > 0:
        trainer.strategy.barrier()
    yield
    if world_size() > 1 and rank() == 0:
        trainer.strategy.barrier()


def _refuse_unusable(callbacks: Sequence[pl.Callback]) -> None:
    """Refuse callbacks of Lightning that fail in the middle of any training here."""
    reasons = {
        pl.callbacks.BackboneFinetuning: "needs a module of another kind; use freeze= and init_lr=",
        pl.callbacks.BaseFinetuning: "is a base class; name a class made from it",
        pl.callbacks.BasePredictionWriter: "is a base class; name a class made from it",
        pl.callbacks.ModelPruning: "cannot prune weights in the memory order of fast convolutions",
    }
    for callback in callbacks:
        if reason := reasons.get(type(callback)):
            raise InputError(f"callbacks: Lightning's {type(callback).__name__} {reason}.")


class _SilenceAdvice(pl.Callback):
    """Silence Lightning's advice in the processes that it starts, too."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        _silence_advice()


def _silence_advice() -> None:
    """Keep advertisements, and advice that does not apply here, off the terminal."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # prepared inputs load within a millisecond: reading them in the main process is no bottleneck
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*The number of training batches.*is smaller than.*")
    # expected when a run resumes
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    # Lightning 2.6 calls torch 2.13 in a way that torch deprecates
    warnings.filterwarnings("ignore", ".*LeafSpec.*is deprecated.*")
