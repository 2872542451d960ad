"""The net as Lightning wants it: BCE on logits, and the metrics to watch."""

from collections.abc import Callable, Iterable

import pytorch_lightning as pl
import torch
import torchio as tio
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


class Classifier(pl.LightningModule):
    """A net that gives one logit for each scan, trained with binary cross-entropy.

    Args:
        net: Maps `(B, 1, W, H, D)` to `(B, 1)` or `(B,)`.
        optimizer: Makes the optimizer from the net's parameters; not needed for prediction.
        scheduler: Makes the learning rate's schedule from the optimizer and `total_steps`, the
            number of optimizer steps in the whole training; stepped after each. None: constant.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
    ):
        super().__init__()
        # 1.4 times faster 3D convolutions on the CPU, and tensor cores on a GPU
        self.net = net.to(memory_format=torch.channels_last_3d)
        self.optimizer = optimizer
        self.scheduler = scheduler
        metrics = MetricCollection(
            {
                "auc": BinaryAUROC(),
                "accuracy": BinaryAccuracy(),
                "precision": BinaryPrecision(),
                "recall": BinaryRecall(),
            }
        )
        self.train_auc = BinaryAUROC()
        # Lightning's own mean is wrong where processes have unequal numbers of samples
        self.train_loss, self.val_loss = MeanMetric(), MeanMetric()
        self.val_metrics = metrics.clone(prefix="val/")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B,)`."""
        image = image.contiguous(memory_format=torch.channels_last_3d)
        return self.net(image).reshape(len(image))

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        """Loss of a batch."""
        logits, label, loss = self._loss(batch)
        self.train_auc.update(logits.detach().sigmoid(), label)
        self.train_loss.update(loss.detach(), len(label))
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True)
        self.log("train/auc", self.train_auc, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: dict, batch_idx: int) -> None:
        """Loss and metrics over all validation samples."""
        logits, label, loss = self._loss(batch)
        # torchmetrics would take logits for probabilities where a batch's all lie in [0, 1]
        self.val_metrics.update(logits.sigmoid(), label)
        self.val_loss.update(loss, len(label))
        self.log("val/loss", self.val_loss, prog_bar=True)
        self.log_dict(self.val_metrics, prog_bar=True)

    def predict_step(self, batch: dict, batch_idx: int, dataloader_idx: int = 0) -> torch.Tensor:
        """Logits of a batch, `(B,)`."""
        return self(batch["input"][tio.DATA])

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

    def _loss(self, batch: dict) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        logits, label = self(batch["input"][tio.DATA]), batch["label"]
        return logits, label, binary_cross_entropy_with_logits(logits, label.to(logits.dtype))
