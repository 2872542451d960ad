"""LightningModule for one logit: its loss, and metrics to watch."""

from collections.abc import Callable, Iterable
from inspect import signature
from typing import ClassVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryPrecision,
    BinaryRecall,
)

from lungcam.config.options import AuxiliaryWeights
from lungcam.config.third_party import refusals
from lungcam.nets import LogitNet, attribute_loss, location_loss, outline_loss
from lungcam.training.initial_weights import frozen_modules
from lungcam.training.losses import Loss, cross_entropy


class Classifier(LogitNet, pl.LightningModule):
    """`LogitNet` that is trained.

    If an auxiliary weight is above 0, the net has a method `read` that returns a
    `lungcam.nets.NetOutput`.

    Args:
        net: Maps `(B, 1, W, H, D)` to `(B, 1)` or `(B,)`.
        optimizer: Makes the optimizer from the net's parameters; not needed for prediction.
        scheduler: Makes the learning rate's schedule from the optimizer; None for a constant one.
            If it takes `total_steps`, the number of optimizer steps in the whole training, it is
            stepped after each of them, otherwise after each epoch.
        auxiliary: Weights of auxiliary losses, in training; None for none.
        loss: Loss of each logit, see `lungcam.training.losses`.

    Attributes:
        binary: True if it learns a label of 0 and 1.
        loaded: Names of the net's parameters that were trained before.
        loaded_rate: Their learning rate, as a share of that of the others.
        lr: Learning rate in place of the optimizer's own, which Lightning's LearningRateFinder
            sets; None for the optimizer's own.
    """

    binary: ClassVar[bool] = True

    def __init__(
        self,
        net: nn.Module,
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        auxiliary: AuxiliaryWeights | None = None,
        loss: Loss = cross_entropy,
    ):
        super().__init__(net)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.auxiliary = auxiliary or AuxiliaryWeights()
        self.loss = loss
        self.loaded: frozenset[str] = frozenset()
        self.loaded_rate = 1.0
        self.lr: float | None = None
        self.train_metrics = MetricCollection(self.make_metrics("train"), prefix="train/")
        # Lightning's own mean is wrong when processes have unequal numbers of samples
        self.train_loss, self.val_loss = MeanMetric(), MeanMetric()
        self.val_metrics = MetricCollection(self.make_metrics("val"), prefix="val/")
        # logits, labels and further targets of the epoch's batches
        self._epoch_outputs: dict[str, list[tuple[torch.Tensor, ...]]] = {"train": [], "val": []}

    def make_metrics(self, split: str) -> dict[str, Metric]:
        """Make the metrics that are logged after each epoch, by name.

        Args:
            split: `train` or `val`.
        """
        if split == "train":
            return {"auc": BinaryAUROC()}
        return {
            "auc": BinaryAUROC(),
            "accuracy": BinaryAccuracy(),
            "precision": BinaryPrecision(),
            "recall": BinaryRecall(),
        }

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what the metrics compare with the targets: here probabilities.

        torchmetrics would take logits for probabilities if all lie in [0, 1].
        """
        return logits.sigmoid()

    def on_train_start(self) -> None:
        """Make the optimizer and its schedule for a learning rate that was found after them."""
        if self.lr is not None and self.trainer.global_step == 0:
            self.trainer.strategy.setup_optimizers(self.trainer)

    def on_train_epoch_start(self) -> None:
        """Drop the outputs of an epoch that was interrupted, and let frozen statistics be."""
        self._epoch_outputs["train"].clear()
        for module in frozen_modules(self.net):
            module.eval()

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        """Return a batch's loss, with those of outline, location and attributes."""
        weights = self.auxiliary
        if not (weights.outline or weights.attributes or weights.location):
            return self._loss(batch, split="train", logits=self.logits(batch["input"]))
        output = self.read(batch["input"])
        loss = self._loss(batch, split="train", logits=output.logit)
        if weights.outline:
            loss = loss + weights.outline * outline_loss(output.outline, batch["lesion"])
        if weights.location:
            location = location_loss(output.outline.float(), batch["lesion"])
            loss = loss + weights.location * location
        if weights.attributes:
            attributes = attribute_loss(output.attributes.float(), batch["attributes"])
            loss = loss + weights.attributes * attributes
        return loss

    def on_train_epoch_end(self) -> None:
        """Log loss and AUC of the epoch."""
        self._log("train", self.train_loss, metrics=self.train_metrics)

    def on_validation_epoch_start(self) -> None:
        """Drop the outputs of a validation that was interrupted."""
        self._epoch_outputs["val"].clear()

    def validation_step(self, batch: dict, batch_idx: int) -> None:
        """Keep a batch's logits and labels."""
        self._loss(batch, split="val", logits=self.logits(batch["input"]))

    def on_validation_epoch_end(self) -> None:
        """Log loss and metrics over all validation samples."""
        self._log("val", self.val_loss, metrics=self.val_metrics, prog_bar=True)

    def predict_step(self, batch: dict, batch_idx: int, dataloader_idx: int = 0) -> torch.Tensor:
        """Return a batch's logits."""
        return self.logits(batch["input"])

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimizer and the learning rate's schedule."""
        if self.optimizer is None:
            raise RuntimeError("This classifier was made for prediction, without an optimizer.")
        own_rate = self.loaded if self.loaded_rate != 1 else ()
        groups: dict[bool, list[nn.Parameter]] = {False: [], True: []}
        for name, parameter in self.net.named_parameters():
            groups[name in own_rate].append(parameter)
        with refusals("optimizer", self.optimizer):
            optimizer = self.optimizer([{"params": part} for part in groups.values() if part])
        if self.lr is not None:
            for group in optimizer.param_groups:
                group["lr"] = self.lr
        if groups[True]:
            optimizer.param_groups[-1]["lr"] *= self.loaded_rate
        if self.scheduler is None:
            return optimizer
        with refusals("scheduler", self.scheduler):
            return [optimizer], [self._schedule(optimizer)]

    def _schedule(self, optimizer: Optimizer) -> dict[str, object]:
        """Make the learning rate's schedule, stepped after each step or epoch."""
        if "total_steps" not in signature(self.scheduler).parameters:
            # only ReduceLROnPlateau looks at the metric
            return {"scheduler": self.scheduler(optimizer), "monitor": "val/loss"}
        steps = int(self.trainer.estimated_stepping_batches)
        return {"scheduler": self.scheduler(optimizer, total_steps=steps), "interval": "step"}

    def _loss(self, batch: dict, *, split: str, logits: torch.Tensor) -> torch.Tensor:
        """Return the loss of the label, and keep what the epoch's metrics need."""
        label = batch["label"]
        # samples without a label teach outlines and attributes alone
        known = label >= 0
        if not known.all():
            logits, label = logits[known], label[known]
            if not len(label):
                return logits.sum()
        self._epoch_outputs[split].append((logits.detach(), label))
        return self.loss(logits, label).mean()

    def _summarise_epoch(
        self, logits: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, float, torch.Tensor, torch.Tensor]:
        """Return the epoch's loss, its weight, and logits and labels of the labelled samples."""
        logits = logits.float()
        loss = self.loss(logits, labels).mean()
        return loss, len(labels), logits, labels

    def _log(
        self, split: str, mean: MeanMetric, *, metrics: MetricCollection, **options: bool
    ) -> None:
        """Log once an epoch: logging every step takes as long as a step of a small net."""
        outputs = [torch.cat(parts) for parts in zip(*self._epoch_outputs[split], strict=True)]
        self._epoch_outputs[split].clear()
        loss, weight, logits, labels = self._summarise_epoch(*outputs)
        mean.update(loss, weight)
        metrics.update(self.answers(logits), labels)
        self.log(f"{split}/loss", mean, **options)
        self.log_dict(metrics, **options)
