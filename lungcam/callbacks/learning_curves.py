"""Callback that keeps the figures of every epoch, for the run's report."""

import csv
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from lungcam.runtime.atomic import write_table

FILE = "curves.csv"
EPOCH, RATE = "epoch", "learning_rate"


class LearningCurves(pl.Callback):
    """Write `curves.csv`: a row for each epoch with all that was logged for it.

    The first process writes. A continued run keeps the rows of the epochs before.

    Args:
        folder: Run folder.
    """

    def __init__(self, folder: Path):
        self.file = folder / FILE
        self.rows: list[dict[str, Any]] = []

    # the epoch of a continued run is known from here on
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Read the rows of the epochs that a continued run does not repeat."""
        self.rows = [row for row in read_curves(self.file) if row[EPOCH] < trainer.current_epoch]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the row of the epoch before: its means are complete by now."""
        self._add(trainer, trainer.current_epoch - 1)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the row of the last epoch."""
        self._add(trainer, max((row[EPOCH] for row in self.rows), default=-1) + 1)

    def _add(self, trainer: pl.Trainer, epoch: int) -> None:
        known = {row[EPOCH] for row in self.rows}
        if not trainer.is_global_zero or epoch < 0 or epoch in known:
            return
        figures = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            # the epoch itself is logged, too, as a figure to choose by
            if value.numel() == 1 and name != EPOCH
        }
        if not figures:
            return
        rates = [
            group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups
        ]
        self.rows.append({EPOCH: epoch, RATE: float(max(rates, default=0.0)), **figures})
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        write_table(self.file, columns, rows=self.rows)


def read_curves(file: Path) -> list[dict[str, Any]]:
    """Read the rows of `curves.csv`, the epochs as whole numbers; empty without the file."""
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return [
            {
                name: int(float(value)) if name == EPOCH else float(value)
                for name, value in row.items()
                if value
            }
            for row in csv.DictReader(stream)
        ]
