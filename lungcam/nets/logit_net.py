"""Nets as prediction and training use them: their logits, and a fast memory format."""

from dataclasses import replace

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
        return self.net(_channels_last(image)).reshape(len(image))

    def logits(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to all logits that a loss uses, here `(B,)`."""
        return self(image)

    def read(self, image: torch.Tensor) -> NetOutput:
        """Return all outputs of the net; `logit` is what `logits` returns."""
        output = self.net.read(_channels_last(image))
        return replace(output, logit=output.logit.reshape(len(image)))


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


def _channels_last(image: torch.Tensor) -> torch.Tensor:
    """Return the same images in the memory order in which 3D convolutions are fast."""
    return image.contiguous(memory_format=torch.channels_last_3d)
