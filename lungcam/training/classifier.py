"""The net as Lightning wants it: BCE on logits, and the metrics to watch."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryPrecision,
    BinaryRecall,
)

from lungcam.nets import NetOutput, attribute_loss, location_loss, outline_loss


class Classifier(pl.LightningModule):
    """A net that gives one logit for each scan, trained with binary cross-entropy.

    Args:
        net: Maps `(B, 1, W, H, D)` to `(B, 1)` or `(B,)`.
        optimizer: Makes the optimizer from the net's parameters; not needed for prediction.
        scheduler: Makes the learning rate's schedule from the optimizer and `total_steps`, the
            number of optimizer steps in the whole training; stepped after each. None: constant.
        outline_weight: Of the loss of the lesion's outline, in training.
        attributes_weight: Of the loss of the attributes.
        location_weight: Of the loss of where nodules lie. Where one of the three is above 0 the net
            gives a `lungcam.nets.NetOutput` by its method `read`.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        outline_weight: float = 0.0,
        attributes_weight: float = 0.0,
        location_weight: float = 0.0,
    ):
        super().__init__()
        # 1.4 times faster 3D convolutions on the CPU, and tensor cores on a GPU
        self.net = net.to(memory_format=torch.channels_last_3d)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.outline_weight = outline_weight
        self.attributes_weight = attributes_weight
        self.location_weight = location_weight
        metrics = MetricCollection(
            {
                "auc": BinaryAUROC(),
                "accuracy": BinaryAccuracy(),
                "precision": BinaryPrecision(),
                "recall": BinaryRecall(),
            }
        )
        self.train_metrics = MetricCollection({"auc": BinaryAUROC()}, prefix="train/")
        # Lightning's own mean is wrong where processes have unequal numbers of samples
        self.train_loss, self.val_loss = MeanMetric(), MeanMetric()
        self.val_metrics = metrics.clone(prefix="val/")
        # of the epoch's batches: logits, labels, and what else the loss is made of
        self._answers: dict[str, list[tuple[torch.Tensor, ...]]] = {"train": [], "val": []}

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B,)`."""
        return self.net(laid_out(image)).reshape(len(image))

    def answer(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to what is learnt and predicted: logits `(B,)`."""
        return self(image)

    def read(self, image: torch.Tensor) -> NetOutput:
        """Tell all that the net sees; the reading's `logit` is what `answer` gives."""
        reading = self.net.read(laid_out(image))
        return replace(reading, logit=reading.logit.reshape(len(image)))

    def on_train_epoch_start(self) -> None:
        """Forget what an epoch that was broken off has answered."""
        self._answers["train"].clear()

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        """Loss of a batch; what else the net learns to tell is weighed in."""
        if not (self.outline_weight or self.attributes_weight or self.location_weight):
            return self._loss(batch, "train", self.answer(batch["input"]))
        reading = self.read(batch["input"])
        loss = self._loss(batch, "train", reading.logit)
        if self.outline_weight:
            loss = loss + self.outline_weight * outline_loss(reading.outline, batch["lesion"])
        if self.location_weight:
            located = location_loss(reading.outline.float(), batch["lesion"])
            loss = loss + self.location_weight * located
        if self.attributes_weight:
            told = attribute_loss(reading.attributes.float(), batch["attributes"])
            loss = loss + self.attributes_weight * told
        return loss

    def on_train_epoch_end(self) -> None:
        """Log loss and AUC of the epoch."""
        self._log("train", self.train_loss, metrics=self.train_metrics)

    def on_validation_epoch_start(self) -> None:
        """Begin anew."""
        self._answers["val"].clear()

    def validation_step(self, batch: dict, batch_idx: int) -> None:
        """Answer a batch."""
        self._loss(batch, "val", self.answer(batch["input"]))

    def on_validation_epoch_end(self) -> None:
        """Log loss and metrics over all validation samples."""
        self._log("val", self.val_loss, metrics=self.val_metrics, prog_bar=True)

    def predict_step(self, batch: dict, batch_idx: int, dataloader_idx: int = 0) -> torch.Tensor:
        """What `answer` gives of a batch."""
        return self.answer(batch["input"])

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimizer and the learning rate's schedule."""
        if self.optimizer is None:
            raise RuntimeError("This classifier was made for prediction, without an optimizer.")
        optimizer = self.optimizer(self.parameters())
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.scheduler(optimizer, total_steps=steps)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def _loss(self, batch: dict, split: str, logits: torch.Tensor) -> torch.Tensor:
        label = batch["label"]
        # without one a sample teaches outlines and attributes alone
        known = label >= 0
        if not known.all():
            logits, label = logits[known], label[known]
            if not len(label):
                return logits.sum()
        self._answers[split].append((logits.detach(), label))
        return binary_cross_entropy_with_logits(logits, label.to(logits.dtype))

    def _epoch(
        self, logits: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, float, torch.Tensor, torch.Tensor]:
        """Loss of all that was answered, its weight, and the logits that have a label."""
        logits = logits.float()
        loss = binary_cross_entropy_with_logits(logits, labels.float())
        return loss, len(labels), logits, labels

    def _log(
        self, split: str, mean: MeanMetric, *, metrics: MetricCollection, **options: bool
    ) -> None:
        """Log once an epoch: to log every step takes as long as a step of a small net."""
        parts = [torch.cat(each) for each in zip(*self._answers[split], strict=True)]
        self._answers[split].clear()
        loss, weight, logits, labels = self._epoch(*parts)
        mean.update(loss, weight)
        # torchmetrics would take logits for probabilities where all lie in [0, 1]
        metrics.update(logits.sigmoid(), labels)
        self.log(f"{split}/loss", mean, **options)
        self.log_dict(metrics, **options)


def laid_out(image: torch.Tensor) -> torch.Tensor:
    """The same images, in the order in memory in which 3D convolutions are fast."""
    return image.contiguous(memory_format=torch.channels_last_3d)
