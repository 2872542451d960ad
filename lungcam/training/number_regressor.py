"""LightningModule for a number."""

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import huber_loss
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric

from lungcam.errors import InputError
from lungcam.nets import NumberNet
from lungcam.training.classifier import Classifier
from lungcam.training.losses import (
    FocalLoss,
    Loss,
    WeightedCrossEntropy,
    cross_entropy,
    is_default,
)

# standard deviations from which an error counts linearly
DELTA = 1.0
# name of the target in a batch
NUMBER = "number"


class NumberRegressor(NumberNet, Classifier):
    """`NumberNet` that is trained with the Huber loss of standardised numbers.

    Errors above one standard deviation of the training split's numbers count linearly, so that a
    few extreme ones do not lead the training (Huber, Ann Math Stat 1964;35:73-101).

    Args:
        net: Net with one logit.
        loss: Configured loss; one of the user's own takes standardised numbers, predicted and true,
            `(B,)` each, in place of the Huber loss.
        **options: Keyword arguments of `Classifier`.

    Raises:
        InputError: The loss is for binary targets.
    """

    binary = False

    def __init__(self, net: nn.Module, *, loss: Loss = cross_entropy, **options: Any):
        if isinstance(loss, FocalLoss | WeightedCrossEntropy):
            raise InputError("loss: task=number learns with the Huber loss; leave loss= out.")
        if is_default(loss):
            loss = partial(huber_loss, delta=DELTA, reduction="none")
        super().__init__(net, loss=loss, **options)

    def make_metrics(self, split: str) -> dict[str, Metric]:
        """Make the metrics of each epoch, in the number's unit."""
        metrics: dict[str, Metric] = {"mae": MeanAbsoluteError()}
        if split == "val":
            metrics["rmse"] = MeanSquaredError(squared=False)
        return metrics

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the numbers."""
        return logits

    def _loss(self, batch: dict, *, split: str, logits: torch.Tensor) -> torch.Tensor:
        numbers = batch[NUMBER]
        self._epoch_outputs[split].append((logits.detach(), numbers))
        return self._standardised_loss(logits, numbers)

    def _summarise_epoch(
        self, logits: torch.Tensor, numbers: torch.Tensor
    ) -> tuple[torch.Tensor, float, torch.Tensor, torch.Tensor]:
        loss = self._standardised_loss(logits, numbers)
        return loss, len(numbers), logits, numbers

    def _standardised_loss(self, logits: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        return self.loss(self.standardise(logits.float()), self.standardise(numbers)).mean()
