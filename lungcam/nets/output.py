"""Output of a net, and the losses of what it learns in addition to the label."""

from dataclasses import dataclass

import torch
from torch.nn.functional import (
    adaptive_avg_pool3d,
    binary_cross_entropy_with_logits,
    smooth_l1_loss,
)


@dataclass(frozen=True, eq=False)
class NetOutput:
    """Output of a net for a batch.

    Attributes:
        logit: `(B, 1)`.
        outline: `(B, 1, w, h, d)` logits of the share of each voxel that is nodule, or of each cell
            of a coarser grid over the same field of view.
        attributes: `(B, A)`, standardised, in the order of the net's `attributes`.
    """

    logit: torch.Tensor
    outline: torch.Tensor
    attributes: torch.Tensor


def outline_loss(outline: torch.Tensor, lesion: torch.Tensor) -> torch.Tensor:
    """Return the soft Dice loss and cross-entropy of outlines, over the samples that have one.

    Args:
        outline: `(B, 1, w, h, d)` logits, see `NetOutput`.
        lesion: `(B, 1, W, H, D)` share of each voxel that belongs to the lesion; all zero if no
            outline is known.

    Returns:
        Scalar; Dice as by Milletari et al., V-Net, 3DV 2016.
    """
    outline, lesion = _with_lesion(outline, lesion)
    if not len(outline):
        return outline.sum()
    within, axes = outline.sigmoid(), (1, 2, 3, 4)
    both = (within * lesion).sum(axes)
    dice = 1 - (2 * both + 1) / ((within**2).sum(axes) + (lesion**2).sum(axes) + 1)
    # a nodule fills little of its cube: a mean over all voxels is small compared with a Dice loss
    return dice.mean() + 5 * binary_cross_entropy_with_logits(outline, lesion)


def location_loss(outline: torch.Tensor, lesion: torch.Tensor) -> torch.Tensor:
    """Return the quality focal loss of nodules' places, over the samples with a known place.

    For nodules in both lungs: what is predicted rightly, as nearly every cell is, weighs nothing,
    so that one nodule counts among 20,000 cells. The target of a nodule smaller than a cell is its
    share of the cell.

    Args:
        outline: `(B, 1, w, h, d)` logits, see `NetOutput`.
        lesion: As for `outline_loss`.

    Returns:
        Scalar; the sum over all cells by the volume of all nodules in cells. Li et al.,
        Generalized Focal Loss, NeurIPS 2020, with an exponent of 2.
    """
    outline, lesion = _with_lesion(outline, lesion)
    within = outline.sigmoid()
    each = binary_cross_entropy_with_logits(outline, lesion, reduction="none")
    return ((within - lesion) ** 2 * each).sum() / (lesion.sum() + 1)


def attribute_loss(attributes: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean smooth L1 loss of standardised attributes.

    Args:
        attributes: `(B, A)`, predicted by the net.
        target: `(B, A)`; NaN if unknown.
    """
    known = ~target.isnan()
    if not known.any():
        return attributes.sum() * 0
    return smooth_l1_loss(attributes[known], target[known])


def _with_lesion(outline: torch.Tensor, lesion: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return outlines of samples with a lesion, and the lesions on the same cells."""
    known = lesion.flatten(1).any(1)
    if not known.all():
        outline, lesion = outline[known], lesion[known]
    if lesion.shape[2:] != outline.shape[2:]:
        lesion = adaptive_avg_pool3d(lesion, outline.shape[2:])
    return outline, lesion
