"""A finished training, and its predictions of validation and test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from lungcam.callbacks import HeatmapExport
from lungcam.data.datamodule import ScanDataModule
from lungcam.errors import InputError
from lungcam.evaluation.own_metrics import Metric
from lungcam.explain import Explainer
from lungcam.tasks import Task
from lungcam.tasks.predictions import Predictions
from lungcam.training.checkpoint import load_checkpoint
from lungcam.training.classifier import Classifier
from lungcam.transforms import background


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedRun:
    """A finished training, with all that its evaluation needs.

    Attributes:
        trainer: Trainer that predicts; its loggers receive the figures.
        classifier: Trained net; `predict_splits` loads the best epoch's weights into it.
        task: Task of the net.
        data: Data module after `setup`.
        folder: Run folder, with checkpoints/best.ckpt.
        label_rule: Meaning of label 1.
        seed: Seed of bootstraps and of all that is drawn.
        explain: Node `explain` of the configuration.
        metrics: The user's own metrics, by name.
        overrides: Settings of the command, as they were typed.
    """

    trainer: pl.Trainer
    classifier: Classifier
    task: Task
    data: ScanDataModule
    folder: Path
    label_rule: str
    seed: int
    explain: Mapping[str, Any]
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    overrides: Sequence[str] = ()

    @property
    def best(self) -> Path:
        """Checkpoint of the best epoch."""
        return self.folder / "checkpoints" / "best.ckpt"

    @property
    def explainer(self) -> Explainer:
        """Explainer of the classifier, with the configured layer and method."""
        return Explainer(
            layer=f"net.{self.explain['layer']}",
            method=self.explain["method"],
            background=background(self.data.transforms),
        )

    @property
    def exports(self) -> list[HeatmapExport]:
        """Callbacks that export heat-maps."""
        callbacks = self.trainer.callbacks
        return [callback for callback in callbacks if isinstance(callback, HeatmapExport)]


def predict_splits(run: TrainedRun) -> dict[str, Predictions]:
    """Predict validation and test with the best epoch's weights, without calibration.

    Raises:
        InputError: The training diverged.
    """
    weights = load_checkpoint(run.best)["state_dict"]
    _refuse_diverged(weights.values())
    run.classifier.load_state_dict(weights)
    batches = run.trainer.predict(run.classifier, datamodule=run.data)
    # Lightning restores the training mode, in which a forward pass would move running statistics
    run.classifier.eval()
    _refuse_diverged(logits for split in batches for logits in split)
    return {
        split: Predictions(
            samples=run.data.splits[split],
            logits=torch.cat(logits).float().cpu().numpy(),
            crop_depths=run.data.crop_depths(split),
        )
        for split, logits in zip(("val", "test"), batches, strict=True)
    }


def _refuse_diverged(tensors: Iterable[torch.Tensor]) -> None:
    """Refuse weights or logits that are not finite.

    Raises:
        InputError: A value is NaN or infinite.
    """
    if not all(torch.isfinite(tensor).all() for tensor in tensors):
        raise InputError(
            "the training diverged: the best epoch's net is not a number (NaN); lower "
            "optimizer.lr, or set trainer.gradient_clip_val=1."
        )
