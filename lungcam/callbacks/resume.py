"""Callbacks that let a stopped run resume with equal results."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

# key of LastCheckpoint's state
TRAINED = "trained"


class EpochSeed(pl.Callback):
    """Seed Python, NumPy and torch at the start of each epoch.

    What dropout and augmentation draw in an epoch then depends on the seed and the epoch alone, and
    not on earlier epochs, which a resumed run has not seen. Each process draws its own numbers.

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed all generators."""
        entropy = (self.seed, trainer.current_epoch, trainer.global_rank)
        epoch_seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(epoch_seed)
        np.random.seed(epoch_seed)  # noqa: NPY002 - others' transforms draw from this generator
        torch.manual_seed(epoch_seed)


class LastCheckpoint(pl.Callback):
    """Write `last.ckpt` after every epoch, when the whole epoch is done and logged.

    Lightning's ModelCheckpoint writes at the end of the validation, before the epoch's training
    means are logged, and its `save_last` only after an epoch that was the best so far.

    Args:
        file: Path of the checkpoint.
    """

    def __init__(self, file: Path):
        self.file = file
        self.trained = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the state after the previous epoch."""
        if trainer.current_epoch > 0:
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the final state, marked as final: training may have stopped early."""
        self.trained = True
        self._save(trainer)

    def state_dict(self) -> dict[str, bool]:
        """Return whether the training is done."""
        return {TRAINED: self.trained}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Resume with a whole epoch.

        Lightning had counted the next epoch as ready, and would treat it as interrupted.
        """
        for count in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
            count["ready"] = count["completed"]

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.fast_dev_run:
            return
        # everything that the checkpoint counts as logged must be on disk
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.file, weights_only=False)


def is_trained(checkpoint: dict) -> bool:
    """Return True if a checkpoint was written at the end of the training."""
    states = checkpoint.get("callbacks", {})
    return bool(states.get(LastCheckpoint.__qualname__, {}).get(TRAINED, False))
