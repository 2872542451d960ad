"""A training that is interrupted anywhere resumes with equal results."""

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, DistributedSampler

from lungcam.callbacks import EpochSeed, LastCheckpoint, is_trained
from lungcam.training.checkpoint import load_checkpoint
from lungcam.training.lightning_checkpoint import AtomicCheckpointIO, CheckpointMetadata
from lungcam.training.trainer import _silence_advice

EPOCHS = 4
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*")


class Interruption(Exception):
    """Exception that ends a training like a kill."""


class Line(pl.LightningModule):
    """Linear model with noise from three generators and a dropout.

    Args:
        cut: Epoch and batch of the interruption.
        losses: Validation loss of each epoch; None for the true ones.
    """

    def __init__(self, cut: tuple[int, int] | None = None, losses: list[float] | None = None):
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
        self.cut, self.losses = cut, losses

    def training_step(self, batch, index):
        if self.cut == (self.current_epoch, index):
            raise Interruption
        noise = torch.randn(1) + float(np.random.normal()) + random.gauss(0, 1)  # noqa: NPY002
        loss = (self.net(batch) - batch.sum(1, keepdim=True) + noise).square().mean()
        self.log("train", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        loss = (self.net(batch) - batch.sum(1, keepdim=True)).square().mean()
        self.log("loss", loss if self.losses is None else self.losses[self.current_epoch])

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), 0.1)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=EPOCHS * 3)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def train_dataloader(self):
        data = torch.arange(24.0).reshape(6, 4) / 24
        sampler = DistributedSampler(data, 1, 0)
        return DataLoader(data, 2, sampler=sampler, generator=torch.Generator())

    def val_dataloader(self):
        return DataLoader(torch.ones(2, 4), generator=torch.Generator())


def fit(run: Path, net: Line, *callbacks: pl.Callback) -> dict[str, dict]:
    """Train in a folder, from its last.ckpt if it has one, and load the checkpoints."""
    _silence_advice()
    last = run / "checkpoints" / "last.ckpt"
    best = ModelCheckpoint(run / "checkpoints", "best", "loss", enable_version_counter=False)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        default_root_dir=run,
        logger=False,
        callbacks=[CheckpointMetadata({}), EpochSeed(7), LastCheckpoint(last), best, *callbacks],
        plugins=[AtomicCheckpointIO()],
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(net, ckpt_path=last if last.exists() else None)
    return {name: load_checkpoint(last.with_name(name)) for name in ("best.ckpt", "last.ckpt")}


def assert_same(first: object, second: object, path: str = "") -> None:
    """Assert that nested values are equal, tensors bit for bit."""
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), path
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), path
        for key in first:
            assert_same(first[key], second[key], f"{path}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), path
        for i, items in enumerate(zip(first, second, strict=True)):
            assert_same(*items, f"{path}[{i}]")
    else:
        assert first == second, path


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[str, dict]:
    """Checkpoints of a training without interruption."""
    return fit(tmp_path_factory.mktemp("whole"), Line())


@pytest.mark.parametrize("cuts", [[(0, 1)], [(1, 0)], [(2, 2)], [(1, 1), (1, 2), (3, 0), (3, 2)]])
def test_checkpoints_of_a_resumed_training_are_equal(tmp_path, uninterrupted, cuts):
    for cut in cuts:
        with pytest.raises(Interruption):
            fit(tmp_path, Line(cut))
        last = tmp_path / "checkpoints" / "last.ckpt"
        assert last.exists() == (cut[0] > 0)
        if last.exists():
            assert load_checkpoint(last)["epoch"] == cut[0]
            assert not is_trained(load_checkpoint(last))
    resumed = fit(tmp_path, Line())
    # Lightning's counts of steps and epochs too
    assert_same(resumed, uninterrupted)
    assert is_trained(resumed["last.ckpt"])


def test_the_best_epoch_before_the_interruption_stays_the_best(tmp_path):
    losses = [0.5, 0.7, 0.6, 0.8]
    with pytest.raises(Interruption):
        fit(tmp_path, Line((2, 1), losses))
    assert fit(tmp_path, Line(None, [9.0, 9.0, *losses[2:]]))["best.ckpt"]["epoch"] == 0


def test_a_training_that_stopped_early_is_trained(tmp_path):
    early = EarlyStopping("loss", patience=1)
    last = fit(tmp_path, Line(None, [0.5, 0.6, 0.7, 0.8]), early)["last.ckpt"]
    assert is_trained(last)
    assert last["epoch"] < EPOCHS


def test_other_checkpoints_are_not_trained():
    assert not is_trained({})
    assert not is_trained({"callbacks": {}})


def test_every_epoch_and_process_draws_other_numbers(tmp_path):
    def draw(seed: int, epoch: int, process: int) -> tuple[float, ...]:
        trainer = SimpleNamespace(current_epoch=epoch, global_rank=process)
        EpochSeed(seed).on_train_epoch_start(trainer, None)
        return (random.random(), float(np.random.random()), float(torch.rand(1)))  # noqa: NPY002

    cases = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1), (2**32 - 1, 5, 3)]
    first = [draw(*case) for case in cases]
    assert [draw(*case) for case in cases] == first
    for generator in zip(*first, strict=True):
        assert len(set(generator)) == len(cases)
