"""The net as Lightning wants it, where it tells risks: BCE of what follow-up knows."""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from lungcam.nets import NetOutput, add_hazards, every_year
from lungcam.training.classifier import Classifier, laid_out


class RiskClassifier(Classifier):
    """A net that tells the risk of an event within each year up to a horizon.

    Trained with binary cross-entropy over the years of which follow-up knows, after Mikhael et al.,
    J Clin Oncol 2023;41:2191-2200. Their mask ends with the year of the event; here the years after
    it count too, since cancer within two years is cancer within five. Without them a year would
    learn the odds of those alone who came to it free, and not the risk up to it. The forward pass
    gives the logit of the last year, as that of a net that knows one question.

    Args:
        net: As for `Classifier`; it is widened, see `lungcam.nets.add_hazards`.
        years: The horizon.
        options: As for `Classifier`.

    Raises:
        ValueError: The net cannot be widened.
    """

    def __init__(self, net: nn.Module, years: int, **options: Any):
        super().__init__(add_hazards(net, years), **options)

    def answer(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, years)`, never decreasing over the years."""
        with every_year(self.net):
            return self.net(laid_out(image))

    def read(self, image: torch.Tensor) -> NetOutput:
        """Tell all that the net sees; the reading's `logit` is what `answer` gives."""
        with every_year(self.net):
            return self.net.read(laid_out(image))

    def _loss(self, batch: dict, split: str, logits: torch.Tensor) -> torch.Tensor:
        targets = batch["y_seq"], batch["y_mask"]
        self._answers[split].append((logits.detach(), batch["label"], *targets))
        return _masked(logits, *targets)

    def _epoch(
        self, logits: torch.Tensor, labels: torch.Tensor, *targets: torch.Tensor
    ) -> tuple[torch.Tensor, float, torch.Tensor, torch.Tensor]:
        logits, known = logits.float(), labels >= 0
        loss = _masked(logits, *targets)
        return loss, float(_known(*targets).sum()), logits[known, -1], labels[known]


def _masked(logits: torch.Tensor, y_seq: torch.Tensor, y_mask: torch.Tensor) -> torch.Tensor:
    """Mean over the known years of all samples."""
    each = binary_cross_entropy_with_logits(logits, y_seq.to(logits.dtype), reduction="none")
    known = _known(y_seq, y_mask)
    # a batch in which nothing is known teaches nothing
    return (each * known).sum() / known.sum().clamp(min=1)


def _known(y_seq: torch.Tensor, y_mask: torch.Tensor) -> torch.Tensor:
    """Years of which follow-up knows: those up to its end, and all from the event on."""
    return torch.maximum(y_mask, y_seq)
