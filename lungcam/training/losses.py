"""Losses of binary targets: a function of logits and targets, or an object called like one.

A loss takes `(B,)` logits and targets 0 and 1, or `(B, years)` of both for yearly risks. It returns
the loss of each, of the same shape; the classifier takes the mean. torch's own losses with
`reduction: none` fit too. If a loss has a method `fit`, that is called before the training with the
labels of the training split.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from lungcam.errors import InputError

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the binary cross-entropy of each logit."""
    return binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")


def is_default(loss: Loss) -> bool:
    """Return True for `cross_entropy`, which `loss=bce` chooses; tasks may have another default."""
    return (loss.func if isinstance(loss, partial) else loss) is cross_entropy


class FocalLoss:
    """Binary cross-entropy with less weight for what is predicted rightly.

    Each sample weighs `(1 - p)^gamma`, where p is the probability of its class, after Lin et al.,
    Focal loss for dense object detection, ICCV 2017, eq. 4.

    Args:
        gamma: Exponent, at least 0; 0 gives the cross-entropy.

    Raises:
        InputError: `gamma` is below 0.
    """

    def __init__(self, gamma: float = 2.0):
        if not gamma >= 0:
            raise InputError(f"loss.gamma={gamma}: give 0 or more.")
        self.gamma = gamma

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each logit."""
        against = logits * (1 - 2 * targets.to(logits.dtype))
        # a power of 1 - p itself has no finite gradient where p is 1
        weights = torch.exp(self.gamma * logsigmoid(against))
        return weights * cross_entropy(logits, targets)


class WeightedCrossEntropy:
    """Binary cross-entropy in which both classes weigh the same in all.

    Args:
        positive_weight: Weight of a positive target, that of a negative one being 1; None for the
            number of negatives for each positive in the training split.

    Raises:
        InputError: The weight is not above 0.
    """

    def __init__(self, positive_weight: float | None = None):
        if positive_weight is not None and not 0 < positive_weight < np.inf:
            raise InputError(f"loss.positive_weight={positive_weight}: give more than 0.")
        self.positive_weight = positive_weight

    def fit(self, labels: np.ndarray) -> None:
        """Take the weight from labels 0 and 1, unless it is given.

        Raises:
            InputError: One class is missing.
        """
        if self.positive_weight is None:
            positives = int(labels.sum())
            if not 0 < positives < len(labels):
                raise InputError(
                    "loss=weighted: the training split has one class alone; set "
                    "loss.positive_weight, or choose loss=bce."
                )
            self.positive_weight = (len(labels) - positives) / positives

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each logit."""
        weights = 1 + (self.positive_weight - 1) * targets.to(logits.dtype)
        return weights * cross_entropy(logits, targets)


class SoftmaxCrossEntropy:
    """Cross-entropy of several exclusive classes.

    Args:
        balanced: True if all classes weigh the same in all; their weights follow from the training
            split.

    Attributes:
        weights: `(K,)` weight of each class, mean 1 over the training samples; None: 1 for each.
    """

    def __init__(self, balanced: bool = False):
        self.balanced = balanced
        self.weights: torch.Tensor | None = None

    @classmethod
    def like(cls, loss: Loss) -> Loss:
        """Return what a configured loss is for several classes; one of the user's own stays.

        Raises:
            InputError: It is for binary targets alone.
        """
        if isinstance(loss, WeightedCrossEntropy) and loss.positive_weight is None:
            return cls(balanced=True)
        if is_default(loss):
            return cls()
        if isinstance(loss, FocalLoss | WeightedCrossEntropy):
            raise InputError(
                "loss: task=classes learns with the softmax cross-entropy; choose loss=bce for the "
                "plain one, or loss=weighted for equal weights of all classes."
            )
        return loss

    def fit(self, labels: np.ndarray) -> None:
        """Take the weights from labels 0 to K - 1, each of them occurring, if they are balanced."""
        if self.balanced:
            counts = np.bincount(labels)
            self.weights = torch.tensor(len(labels) / (len(counts) * counts), dtype=torch.float32)

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Map logits `(B, K)` and labels `(B,)` to the loss `(B,)` of each sample."""
        loss = F.cross_entropy(logits.float(), labels, reduction="none")
        return loss if self.weights is None else self.weights.to(labels.device)[labels] * loss
