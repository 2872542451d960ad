"""The checkpoint from which a stopped run goes on.

Chance that is a function of the seed and the epoch.
"""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch


class EpochSeed(pl.Callback):
    """Seeds Python, NumPy and torch anew at the start of each epoch.

    What dropout and augmentation draw in an epoch then does not depend on the epochs before, which
    a resumed run has not seen; each process draws its own.

    Args:
        seed: The run's.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed."""
        entropy = (self.seed, trainer.current_epoch, trainer.global_rank)
        word = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(word)
        np.random.seed(word)  # noqa: NPY002 - the one that transforms of others draw from
        torch.manual_seed(word)


TRAINED = "trained"


class LastCheckpoint(pl.Callback):
    """Writes `last.ckpt` after every epoch, when all of the epoch is done and logged.

    Lightning's ModelCheckpoint writes at the end of the validation, while the epoch's means of the
    training are not logged yet, and its `save_last` only where the epoch was a best one.

    Args:
        file: Where to.
    """

    def __init__(self, file: Path):
        self.file = file
        self.trained = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep what the epochs before have come to."""
        if trainer.current_epoch > 0:
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the end of the training, and that it is the end: it may have stopped early."""
        self.trained = True
        self._save(trainer)

    def state_dict(self) -> dict[str, bool]:
        """Whether the training is done."""
        return {TRAINED: self.trained}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with a whole epoch.

        Lightning had counted the next epoch as ready, and would take it for one that was cut short.
        """
        for count in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
            count["ready"] = count["completed"]

    def _save(self, trainer: pl.Trainer) -> None:
        # what a checkpoint counts as logged is on the disk
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.file, weights_only=False)


def is_trained(checkpoint: dict) -> bool:
    """Whether a checkpoint was written when the training was done."""
    states = checkpoint.get("callbacks", {})
    return bool(states.get(LastCheckpoint.__qualname__, {}).get(TRAINED, False))
