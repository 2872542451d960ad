"""LightningModule for several exclusive classes."""

from typing import Any

import torch
from torch import nn
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC

from lungcam.nets import ClassNet, class_head
from lungcam.training.classifier import Classifier
from lungcam.training.losses import Loss, SoftmaxCrossEntropy, cross_entropy


class ClassClassifier(ClassNet, Classifier):
    """`ClassNet` that is trained with the softmax cross-entropy.

    Args:
        net: Net with as many logits as classes, see `lungcam.nets.add_classes`.
        loss: Configured loss; see `SoftmaxCrossEntropy.like`.
        **options: Keyword arguments of `Classifier`.

    Raises:
        InputError: The loss is for binary targets alone.
    """

    binary = False

    def __init__(self, net: nn.Module, *, loss: Loss = cross_entropy, **options: Any):
        super().__init__(net, loss=SoftmaxCrossEntropy.like(loss), **options)

    def make_metrics(self, split: str) -> dict[str, Metric]:
        """Make the metrics of each epoch: macro AUC one-vs-rest, accuracy, balanced accuracy."""
        count = class_head(self.net).out_features
        metrics: dict[str, Metric] = {"auc": MulticlassAUROC(count, average="macro")}
        if split == "val":
            metrics["accuracy"] = MulticlassAccuracy(count, average="micro")
            metrics["balanced_accuracy"] = MulticlassAccuracy(count, average="macro")
        return metrics

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return probabilities `(B, K)`."""
        return logits.softmax(dim=1)
