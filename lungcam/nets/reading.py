"""What a net can tell of a nodule beside its logit, and how it learns that."""

from dataclasses import dataclass

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss


@dataclass(frozen=True, eq=False)
class Reading:
    """A net's reading of a batch.

    Attributes:
        logit: `(B, 1)`.
        outline: `(B, 1, W, H, D)` logits of the nodule's mask.
        attributes: `(B, A)`, standardised, in the order of the net's `attributes`.
    """

    logit: torch.Tensor
    outline: torch.Tensor
    attributes: torch.Tensor


def outline_loss(outline: torch.Tensor, lesion: torch.Tensor) -> torch.Tensor:
    """Soft Dice loss and cross-entropy of outlines, over the samples that have one.

    Args:
        outline: `(B, 1, W, H, D)` logits.
        lesion: `(B, 1, W, H, D)` share of each voxel that belongs to the lesion; all zero where no
            outline is known.

    Returns:
        A scalar; Dice as by Milletari et al., V-Net, 3DV 2016.
    """
    known = lesion.flatten(1).any(1)
    if not known.any():
        return outline.sum() * 0
    outline, lesion = outline[known], lesion[known]
    within, axes = outline.sigmoid(), (1, 2, 3, 4)
    both = (within * lesion).sum(axes)
    dice = 1 - (2 * both + 1) / ((within**2).sum(axes) + (lesion**2).sum(axes) + 1)
    # a nodule fills little of its cube: the mean over all voxels is small beside a Dice loss
    return dice.mean() + 5 * binary_cross_entropy_with_logits(outline, lesion)


def attribute_loss(attributes: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Mean smooth L1 loss of standardised attributes.

    Args:
        attributes: `(B, A)`, told by the net.
        known: `(B, A)`; NaN where unknown.
    """
    there = ~known.isnan()
    if not there.any():
        return attributes.sum() * 0
    return smooth_l1_loss(attributes[there], known[there])
