"""An epoch of training from the warm cache, compared with a bare PyTorch loop."""

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.profilers import SimpleProfiler
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.cached import cached_cohort
from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table, table
from benchmarks.measure import ROOT, Times, extra_bytes, say
from lungcam.callbacks import EpochSeed, LastCheckpoint
from lungcam.config.options import TrainerOptions
from lungcam.data import PreparedDataset, SplitRule
from lungcam.data.datamodule import ScanDataModule
from lungcam.nets import Small3D
from lungcam.runtime.precision import FULL
from lungcam.training.classifier import Classifier
from lungcam.training.lightning_checkpoint import AtomicCheckpointIO
from lungcam.training.trainer import make_trainer

EPOCHS = 5
SPLIT = SplitRule(val=0.15, test=0.25)
COHORTS = (1_000, 20_000)
ROLLUP = Path("/proc/self/smaps_rollup")
BARE, OURS = "bare loop", "lungcam"
WAITING = "[_TrainingEpochLoop].train_dataloader_next"


@dataclass(frozen=True)
class Case:
    """One training to measure.

    Attributes:
        name: Name of the row.
        shape: Shape of the input, `(W, H, D)`.
        samples: Number of samples; 60 % train and 15 % validate, as by default.
        batch: Samples per batch.
    """

    name: str
    shape: tuple[int, int, int]
    samples: int
    batch: int


CASES = (
    Case("view=lungs, batches of 4", (64, 48, 64), 140, 4),
    Case("view=nodule, batches of 16", (32, 32, 32), 424, 16),
    Case("view=nodule, batches of 32", (32, 32, 32), 424, 32),
)
SMALL = Case("memory", (16, 16, 16), 0, 32)
HOW = """\
## An epoch from the warm cache

`small3d` with `optimizer=adamw` and `scheduler=cosine` on {threads} threads: an epoch of lungcam
(Lightning's `Trainer.fit`, inputs from the cache, TensorBoard, progress bar, AUC of training and
validation, best and last checkpoint), compared with one of a bare loop (the same tensors in
memory, the same batches, weights, optimizer, schedule and memory format; training, then the loss of
validation). Inputs are noise, since the content costs nothing. Neither augments. Epochs alternate
in one process; median (least-most) of {epochs} after the first one. "Waiting" is the time that
lungcam spends in the loader of the training samples, a mean over all epochs.
"""
MEMORY = """\
Growth of memory in one epoch of `Trainer.fit`, including the look-up of all samples in the cache;
inputs of 16^3, one file each, batches of 32, a separate process for each number of samples. "Peak"
is resident memory, including mapped pages of the cache; "anonymous" is the process's own memory at
the end.
"""


class Alternating(pl.Callback):
    """Run an epoch of the bare loop before each of lungcam's, and time both."""

    def __init__(self, bare):
        self.bare = bare
        self.seconds: dict[str, list[float]] = {BARE: [], OURS: []}
        self._started: float | None = None

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        """End lungcam's epoch, run the bare one, and start lungcam's next."""
        now = time.perf_counter()
        if self._started is not None:
            self.seconds[OURS].append(now - self._started)
        self.bare(trainer.current_epoch)
        self.seconds[BARE].append(time.perf_counter() - now)
        self._started = time.perf_counter()


class BareLoop:
    """A training loop as written by hand."""

    def __init__(self, case: Case, module: ScanDataModule, epochs: int):
        self.case, self.order = case, module.train_dataloader().sampler
        self.data = {name: everything(module.datasets[name]) for name in ("train", "val")}
        self.net = make_net(case).to(memory_format=torch.channels_last_3d)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=2e-3, weight_decay=1e-4)
        steps = epochs * -(-len(self.data["train"][1]) // case.batch)
        self.scheduler = make_schedule(self.optimizer, total_steps=steps)
        self.losses: list[float] = []

    def __call__(self, epoch: int) -> None:
        """Train and validate once."""
        inputs, labels = self.data["train"]
        self.order.set_epoch(epoch)
        order = list(self.order)
        self.net.train()
        for begin in range(0, len(order), self.case.batch):
            chosen = order[begin : begin + self.case.batch]
            loss = self.loss(inputs[chosen], labels[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
        inputs, labels = self.data["val"]
        self.net.eval()
        with torch.no_grad():
            parts = zip(inputs.split(self.case.batch), labels.split(self.case.batch), strict=True)
            self.losses.append(sum(float(self.loss(*part)) * len(part[1]) for part in parts))

    def loss(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Binary cross-entropy of a batch."""
        logits = self.net(inputs.contiguous(memory_format=torch.channels_last_3d)).reshape(-1)
        return binary_cross_entropy_with_logits(logits, labels)


def everything(dataset: PreparedDataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all inputs and labels of a split."""
    batch = dataset.__getitems__(range(len(dataset)))
    return batch["input"], batch["label"].float()


def make_net(case: Case) -> Small3D:
    """Return the net with the same weights every time."""
    torch.manual_seed(0)
    return Small3D(input_shape=case.shape)


make_schedule = partial(
    torch.optim.lr_scheduler.OneCycleLR,
    max_lr=2e-3,
    div_factor=1,
    pct_start=0.02,
    cycle_momentum=False,
)


def fit(
    net: nn.Module,
    module: ScanDataModule,
    folder: Path,
    epochs: int,
    callbacks: Sequence[pl.Callback] = (),
    *,
    gpus: int = 0,
    precision: str = FULL,
) -> tuple[Classifier, SimpleProfiler]:
    """Train as `train.py` does."""
    classifier = Classifier(
        net,
        optimizer=partial(torch.optim.AdamW, lr=2e-3, weight_decay=1e-4),
        scheduler=make_schedule,
    )
    checkpoint = pl.callbacks.ModelCheckpoint(
        folder, "best", monitor="val/loss", enable_version_counter=False
    )
    kept = [EpochSeed(0), LastCheckpoint(folder / "last.ckpt"), checkpoint]
    logger = pl.loggers.TensorBoardLogger(folder, name="", version="")
    settings = TrainerOptions(
        gpus=gpus,
        devices=1,
        num_nodes=1,
        max_epochs=epochs,
        precision=precision,
        deterministic="warn",
        accumulate_grad_batches=1,
        gradient_clip_val=None,
        log_every_n_steps=10,
    )
    trainer = make_trainer(
        vars(settings),
        folder,
        logger=[logger],
        callbacks=[*kept, *callbacks],
        plugins=[AtomicCheckpointIO()],
    )
    trainer.profiler = profiler = SimpleProfiler(folder, "profile")
    trainer.fit(classifier, datamodule=module)
    return classifier, profiler


def measure(epochs: int) -> dict[str, Times]:
    """Time epochs of lungcam and of the bare loop, and lungcam's waiting for data.

    Args:
        epochs: Timed epochs of each case, after a first one.
    """
    times = {}
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="epoch-") as folder:
            taken = _measure_case(case, Path(folder), epochs)
        times |= {_row(case, what): seconds for what, seconds in taken.items()}
    return times


def _measure_case(case: Case, folder: Path, epochs: int) -> dict[str, Times]:
    module = cached_cohort(folder / "cache", case.shape, case.samples, SPLIT, case.batch)
    module.setup()
    bare = BareLoop(case, module, epochs + 2)
    alternating = Alternating(bare)
    # the last epoch only ends the timing of the one before
    _, profiler = fit(make_net(case), module, folder / "run", epochs + 2, [alternating])
    times = {name: Times.of(s[: epochs + 1]) for name, s in alternating.seconds.items()}
    waiting = sum(profiler.recorded_durations[WAITING]) / (epochs + 2)
    return times | {"waiting": Times.of([waiting])}


def section(epochs: int = EPOCHS) -> str:
    """Measure all.

    Returns:
        Markdown.
    """
    results = on_each_set(measure, epochs=epochs)
    peers = {
        _row(case, what): _row(case, BARE) for case in CASES for what in (BARE, OURS, "waiting")
    }
    grown = [memory(count) for count in COHORTS]
    return "\n".join(
        [
            HOW.format(threads=torch.get_num_threads(), epochs=epochs),
            ratio_table(results, peers, ratio="times the bare loop"),
            "",
            MEMORY,
            table(["samples", "peak, MiB", "anonymous, MiB"], grown),
            "",
        ]
    )


def _row(case: Case, what: str) -> str:
    return f"{case.name}: {what}"


def memory(count: int) -> list[str]:
    """Measure memory in a separate process."""
    say(f"memory with {count} samples")
    command = [sys.executable, "-m", "benchmarks.epoch", "--memory", str(count)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [str(count), *done.stdout.split()[-2:]]


def memory_growth(count: int) -> tuple[float, float]:
    """Measure the growth of memory in this process from a cohort's look-up to an epoch's end.

    Args:
        count: Number of samples.

    Returns:
        Peak of resident memory, and growth of anonymous memory, in MiB.
    """
    with tempfile.TemporaryDirectory(prefix="memory-") as name:
        folder = Path(name)
        # warm up, so that loading and compiling do not count
        few = cached_cohort(folder / "few", SMALL.shape, 100, SPLIT, SMALL.batch)
        fit(make_net(SMALL), few, folder / "first", 1)
        module = cached_cohort(folder / "cache", SMALL.shape, count, SPLIT, SMALL.batch)
        gc.collect()
        before = _anonymous_bytes()
        peak = extra_bytes(lambda: fit(make_net(SMALL), module, folder / "run", 1))
        return peak / 2**20, (_anonymous_bytes() - before) / 2**20


def _anonymous_bytes() -> int:
    """Return the bytes that this process holds, without mapped files."""
    lines = ROLLUP.read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("Anonymous:")).split()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", type=int, help="print only the memory with N samples, in MiB")
    arguments = parser.parse_args()
    if arguments.memory is None:
        print(section())
    else:
        print(*(f"{size:.1f}" for size in memory_growth(arguments.memory)))
