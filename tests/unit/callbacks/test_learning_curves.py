"""Learning curves are written for every epoch, and continued."""

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from lungcam.callbacks import LearningCurves, read_curves
from lungcam.training.trainer import _silence_advice

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*")


class Line(pl.LightningModule):
    """Linear model that logs a known loss."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(2, 1)

    def training_step(self, batch, _):
        self.log("train/loss", 1.0 + self.current_epoch, on_step=False, on_epoch=True)
        return self.net(batch).square().mean()

    def validation_step(self, batch, _):
        self.log("val/loss", 10.0 + self.current_epoch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.125)


def fit(folder, epochs, ckpt_path=None):
    _silence_advice()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[LearningCurves(folder)],
    )
    data = DataLoader(torch.ones(4, 2), 2)
    trainer.fit(Line(), data, DataLoader(torch.ones(2, 2)), ckpt_path=ckpt_path)
    trainer.save_checkpoint(folder / "last.ckpt")


def test_each_epoch_has_a_row_and_a_continued_run_keeps_them(tmp_path):
    assert read_curves(tmp_path / "curves.csv") == []
    fit(tmp_path, 2)
    assert [row["epoch"] for row in read_curves(tmp_path / "curves.csv")] == [0, 1]
    fit(tmp_path, 3, tmp_path / "last.ckpt")
    rows = read_curves(tmp_path / "curves.csv")
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert [row["train/loss"] for row in rows] == [1, 2, 3]
    assert [row["val/loss"] for row in rows] == [10, 11, 12]
    assert {row["learning_rate"] for row in rows} == {0.125}
    # a run that begins again in the same folder does not keep them
    fit(tmp_path, 1)
    assert [row["epoch"] for row in read_curves(tmp_path / "curves.csv")] == [0]
