"""Chance that is a function of the seed and the epoch."""

import random

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
