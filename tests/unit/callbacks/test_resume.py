"""A training that is cut off anywhere goes on as if it had not been."""

import random
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, DistributedSampler

from lungcam.callbacks import EpochSeed, LastCheckpoint, is_trained
from lungcam.training.checkpoint import AtomicCheckpointIO, CheckpointMetadata, load_checkpoint
from lungcam.training.trainer import _silence_advice

EPOCHS = 4
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*")


class CutOff(Exception):
    """Ends a training, as a kill would."""


class Line(pl.LightningModule):
    """Learns a line from noisy inputs; its noise comes from three generators, and a dropout.

    Args:
        cut: Epoch and batch at which it is cut off.
        losses: Of each epoch's validation; else the true ones.
    """

    def __init__(self, cut: tuple[int, int] | None = None, losses: list[float] | None = None):
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
        self.cut, self.losses = cut, losses

    def training_step(self, batch, index):
        if self.cut == (self.current_epoch, index):
            raise CutOff
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
    """Train in a folder, from its last.ckpt where there is one, and load what it leaves."""
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


def assert_same(one: object, other: object, at: str = "") -> None:
    """Nested values are equal, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), at
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), at
        for key in one:
            assert_same(one[key], other[key], f"{at}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), at
        for i, (first, second) in enumerate(zip(one, other, strict=True)):
            assert_same(first, second, f"{at}[{i}]")
    else:
        assert one == other, at


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, dict]:
    """Checkpoints of a training that was never cut off."""
    return fit(tmp_path_factory.mktemp("whole"), Line())


@pytest.mark.parametrize("cuts", [[(0, 1)], [(1, 0)], [(2, 2)], [(1, 1), (1, 2), (3, 0), (3, 2)]])
def test_all_of_the_last_and_the_best_epoch_are_the_same(tmp_path, whole, cuts):
    for cut in cuts:
        with pytest.raises(CutOff):
            fit(tmp_path, Line(cut))
        last = tmp_path / "checkpoints" / "last.ckpt"
        assert last.exists() == (cut[0] > 0)
        if last.exists():
            assert load_checkpoint(last)["epoch"] == cut[0]
            assert not is_trained(load_checkpoint(last))
    again = fit(tmp_path, Line())
    # Lightning's counts of steps and epochs too
    assert_same(again, whole)
    assert is_trained(again["last.ckpt"])


def test_the_best_epoch_is_known_from_before_the_cut(tmp_path):
    losses = [0.5, 0.7, 0.6, 0.8]
    with pytest.raises(CutOff):
        fit(tmp_path, Line((2, 1), losses))
    assert fit(tmp_path, Line(None, [9.0, 9.0, *losses[2:]]))["best.ckpt"]["epoch"] == 0


def test_a_training_that_stopped_early_is_done(tmp_path):
    early = EarlyStopping("loss", patience=1)
    last = fit(tmp_path, Line(None, [0.5, 0.6, 0.7, 0.8]), early)["last.ckpt"]
    assert is_trained(last)
    assert last["epoch"] < EPOCHS


def test_a_checkpoint_of_another_kind_is_of_no_finished_training():
    assert not is_trained({})
    assert not is_trained({"callbacks": {}})


def test_every_epoch_and_every_process_draws_its_own(tmp_path):
    def drawn(seed: int, epoch: int, process: int) -> tuple[float, ...]:
        class Told:
            current_epoch, global_rank = epoch, process

        EpochSeed(seed).on_train_epoch_start(Told, None)
        return (random.random(), float(np.random.random()), float(torch.rand(1)))  # noqa: NPY002

    cases = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1), (2**32 - 1, 5, 3)]
    first = [drawn(*case) for case in cases]
    assert [drawn(*case) for case in cases] == first
    for generator in zip(*first, strict=True):
        assert len(set(generator)) == len(cases)
