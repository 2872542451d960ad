"""Nets as prediction and training use them: their logits, and a fast memory format."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from lungcam.nets.hazard_head import every_year
from lungcam.nets.output import NetOutput


class LogitNet(nn.Module):
    """Net with one logit for each scan.

    Args:
        net: Maps `(B, 1, W, H, D)` to `(B, 1)` or `(B,)`.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        # 1.4 times faster 3D convolutions on the CPU, and tensor cores on a GPU
        self.net = net.to(memory_format=torch.channels_last_3d)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B,)` of label 1."""
        return self.net(_channels_last(image)).reshape(image.shape[0])

    def logits(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to all logits that a loss uses, here `(B,)`."""
        return self(image)

    def read(self, image: torch.Tensor) -> NetOutput:
        """Return all outputs of the net; `logit` is what `logits` returns."""
        output = self.net.read(_channels_last(image))
        return replace(output, logit=output.logit.reshape(image.shape[0]))


class YearlyLogitNet(LogitNet):
    """Net with a logit for the event within each year; the last year's is the logit of label 1.

    Args:
        net: Net with a `HazardHead`, see `lungcam.nets.add_hazards`.
    """

    def logits(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, years)`, never decreasing over the years."""
        with every_year(self.net):
            return self.net(_channels_last(image))

    def read(self, image: torch.Tensor) -> NetOutput:
        """Return all outputs of the net; `logit` is what `logits` returns."""
        with every_year(self.net):
            return self.net.read(_channels_last(image))


class ClassNet(LogitNet):
    """Net with a logit for each of several exclusive classes.

    The softmax of the logits does not change if a number is added to all of them, so no logit means
    anything by itself. The output of a forward pass, which heat-maps explain, is therefore the
    log-odds of one class against all others, `z_k - log(sum of exp(z_j) over j != k)`; with two
    classes that is the logit of a binary net.

    Args:
        net: Net with as many logits as classes, see `lungcam.nets.add_classes`.

    Attributes:
        chosen: Class of the forward pass; None for the one with the highest logit.
    """

    chosen: int | None = None

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to the log-odds `(B,)` of the chosen class."""
        logits = self.logits(image)
        chosen = logits.argmax(1) if self.chosen is None else logits.new_full((), self.chosen)
        return log_odds(logits, chosen.long().expand(len(logits)))

    def logits(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, K)`."""
        return self.net(_channels_last(image))

    def read(self, image: torch.Tensor) -> NetOutput:
        """Return all outputs of the net; `logit` is what `logits` returns."""
        return self.net.read(_channels_last(image))

    @contextmanager
    def choose(self, number: int | None) -> Iterator[None]:
        """Explain a class within the block, counted from 0."""
        before, self.chosen = self.chosen, number
        try:
            yield
        finally:
            self.chosen = before

    @contextmanager
    def held(self, image: torch.Tensor) -> Iterator[None]:
        """Explain the class of an image `(1, 1, W, H, D)` within the block, however it changes."""
        with torch.no_grad():
            predicted = int(self.logits(image)[0].argmax())
        with self.choose(predicted if self.chosen is None else self.chosen):
            yield


class NumberNet(LogitNet):
    """Net that predicts a number, in its own unit, from a standardised one.

    Args:
        net: Maps `(B, 1, W, H, D)` to `(B, 1)` or `(B,)`, mean 0 and standard deviation 1.
        options: Keyword arguments of the next class, in training.

    Attributes:
        mean: Mean of the training split's numbers, stored with the weights.
        spread: Their standard deviation, likewise.
    """

    def __init__(self, net: nn.Module, **options: Any):
        super().__init__(net, **options)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to numbers `(B,)`."""
        return self._scaled(super().forward(image))

    def read(self, image: torch.Tensor) -> NetOutput:
        """Return all outputs of the net; `logit` is the number."""
        output = super().read(image)
        return replace(output, logit=self._scaled(output.logit))

    def standardise(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return numbers in standard deviations from the mean."""
        return (numbers - self.mean) / self.spread

    def _scaled(self, standardised: torch.Tensor) -> torch.Tensor:
        # half precision would round the number itself
        return self.mean + self.spread * standardised.float()


def log_odds(logits: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return the log-odds `(B,)` of a class against all others.

    Args:
        logits: `(B, K)`.
        chosen: `(B,)` int64, the class of each row.
    """
    column = chosen[:, None]
    others = logits.scatter(1, column, -torch.inf)
    return logits.gather(1, column)[:, 0] - others.logsumexp(1)


def _channels_last(image: torch.Tensor) -> torch.Tensor:
    """Return the same images in the memory order in which 3D convolutions are fast."""
    return image.contiguous(memory_format=torch.channels_last_3d)
