"""Loss of the detector: nodules above what looks most like one."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

# cells without a nodule that count most: candidates are the highest cells of a map
HARDEST = 48
OTHERS = 0.5


def detection_loss(
    logits: torch.Tensor, target: torch.Tensor, *, used: torch.Tensor
) -> torch.Tensor:
    """Compare the logits of cubes with their truth.

    A cube's loss is the mean cross-entropy of its nodule's cells, plus that of the `HARDEST` other
    cells with the highest loss, plus half of the mean of all other cells.

    Args:
        logits: `(B, w, h, d)`.
        target: `(B, w, h, d)`, 1 in nodules and 0 elsewhere.
        used: `(B, w, h, d)` bool, cells that count.

    Returns:
        `()`, the mean over cubes.
    """
    losses = binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1)
    nodule = ((target > 0) & used).flatten(1)
    other = ((target == 0) & used).flatten(1)
    total = _mean(losses, nodule) + OTHERS * _mean(losses, other)
    count = min(HARDEST, losses.shape[1])
    hardest = losses.masked_fill(~other, 0).topk(count, dim=1).values.sum(1)
    return (total + hardest / other.sum(1).clamp(1, count)).mean()


def _mean(losses: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of the chosen cells of each cube; 0 if there are none."""
    return (losses * chosen).sum(1) / chosen.sum(1).clamp_min(1)
