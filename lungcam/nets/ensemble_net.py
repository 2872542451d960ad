"""Several nets as one: the weighted mean of their logits, over mirror images if wanted."""

from collections.abc import Sequence

import torch
from torch import nn

from lungcam.nets.logit_net import LogitNet

# axes of `(W, H, D)` along which an image is mirrored; none: the image as it is
Mirror = tuple[int, ...]
UNCHANGED: tuple[Mirror, ...] = ((),)


class EnsembleNet(nn.Module):
    """Net with the weighted mean of several nets' logits.

    Each net sees the image once in every mirror, and its logit is the plain mean over these. With
    one net of weight 1 and the image as it is, the logits are that net's, to the last bit.

    Args:
        members: The nets.
        weights: Weight of each, above 0; their sum is 1.
        mirrors: Mirror images, the image as it is among them.
    """

    def __init__(
        self,
        members: Sequence[LogitNet],
        weights: Sequence[float],
        *,
        mirrors: Sequence[Mirror] = UNCHANGED,
    ):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.weights = tuple(weights)
        self.mirrors = tuple(mirrors)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B,)` of label 1."""
        each = [self._over_mirrors(member, image) for member in self.members]
        return sum(weight * logit for weight, logit in zip(self.weights, each, strict=True))

    def each(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to all logits of each net, `(N, B)` or `(N, B, K)`."""
        return torch.stack([self._over_mirrors(member.logits, image) for member in self.members])

    def _over_mirrors(self, logits, image: torch.Tensor) -> torch.Tensor:
        return torch.stack([logits(mirrored(image, axes)) for axes in self.mirrors]).mean(dim=0)


def mirrored(images: torch.Tensor, axes: Mirror) -> torch.Tensor:
    """Mirror images `(..., W, H, D)` along some of their last three axes."""
    return images.flip([axis - 3 for axis in axes]) if axes else images
