"""Epochs from the cache on a device, and the time in which it waits."""

import tempfile
from pathlib import Path

import pytorch_lightning as pl
import torch

from benchmarks.cached import cached_cohort
from benchmarks.device import Plan, seconds_between
from benchmarks.epoch import SPLIT, WAITING, fit
from benchmarks.epoch import Case as Cohort
from benchmarks.markdown import digits, table
from benchmarks.training_steps import CASES
from lungcam.runtime.precision import AUTO, choose_precision

COHORTS = {
    "small3d": Cohort("lungs", (64, 48, 64), 400, 4),
    "nodule": Cohort("nodules", (32, 32, 32), 2_000, 24),
}
SMALL = Cohort("tiny", (16, 16, 16), 40, 4)
WORKERS = (0, 4)
HOW = """\
## Epochs from the cache

`Trainer.fit` as in `train.py`, in the default precision, from a warm cache of noise, with
{epochs} epochs after the first one; `loader.workers` processes read batches, 0 reads them in the
main process. *Steps a second* of training alone, without validation. *Waiting for data*: share of
the epoch in the loader. *Between steps*: share of the training's time, by the device's own events,
from the end of a step to the start of the next, in which the device waits for a batch or copies
it.
"""


class StepEvents(pl.Callback):
    """Record the start and the end of every training step on the device."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.epochs: list[list[tuple[object, object]]] = []

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        """Begin an epoch."""
        self.epochs.append([])

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        """Mark the start of a step."""
        self._start = self.plan.mark()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Mark the end of a step."""
        self.epochs[-1].append((self._start, self.plan.mark()))


def section(plan: Plan) -> str:
    """Train each net with each number of workers.

    Returns:
        Markdown.
    """
    epochs = 1 if plan.small else 4
    rows = [
        measure(net, SMALL if plan.small else cohort, workers, epochs, plan)
        for net, cohort in COHORTS.items()
        for workers in (WORKERS[:1] if plan.small else WORKERS)
    ]
    head = ["", "steps a second", "waiting for data", "between steps", "peak, MiB"]
    return f"{HOW.format(epochs=epochs)}\n{table(head, rows)}\n"


def measure(net: str, cohort: Cohort, workers: int, epochs: int, plan: Plan) -> list[object]:
    """Return a row of the table."""
    plan.reset_peak()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(prefix="epochs-") as name:
        folder = Path(name)
        module = cached_cohort(
            folder / "cache", cohort.shape, cohort.samples, SPLIT, cohort.batch, workers
        )
        events = StepEvents(plan)
        _, profiler = fit(
            CASES[net].make(cohort.shape),
            module,
            folder / "run",
            epochs + 1,
            [events],
            gpus=plan.gpus,
            precision=choose_precision(AUTO, gpu=plan.gpus > 0),
        )
    plan.wait()
    timed = events.epochs[1:]
    whole = sum(seconds_between(steps[0][0], steps[-1][1]) for steps in timed)
    busy = sum(seconds_between(*step) for steps in timed for step in steps)
    total = sum(profiler.recorded_durations["run_training_epoch"])
    waiting = sum(profiler.recorded_durations[WAITING]) / total
    speed = sum(map(len, timed)) / whole
    name = f"{net}, {cohort.samples} {cohort.name} in batches of {cohort.batch}, {workers} workers"
    return [name, digits(speed), f"{waiting:.1%}", f"{1 - busy / whole:.1%}", plan.peak_mib()]
