"""Occlusion: what the logit loses where a part of the image is covered."""

import numpy as np
import torch
from torch import nn

from lungcam.grid import Grid

# cells along the shortest side
CELLS = 12
# blocks a forward pass, as far as the voxels of a few lungs
BATCH, BATCH_VOXELS = 32, 2**21


def occlusion(
    net: nn.Module, image: torch.Tensor, *, grid: Grid, background: float
) -> tuple[np.ndarray, Grid]:
    """Cover one block after the other and see how far the logit falls.

    After Zeiler and Fergus, ECCV 2014. A cell has `ceil(shortest side / 12)` voxels along each
    axis, and the cells cover the image; the block that is covered stands on the cell and reaches
    half a cell further on each side. The value is `logit(image) - logit(covered)`: how much the
    block raises the logit, and below 0 how much it lowers it. A block that changes no voxel has 0.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit a sample.
        image: `(1, C, W, H, D)`.
        grid: Where the image stands.
        background: What a covered voxel holds, in every channel.

    Returns:
        `(w, h, d)` float32 values, and the grid of the blocks' centres.
    """
    size = np.array(image.shape[2:])
    step = -(-int(size.min()) // CELLS)
    count = -(-size // step)
    first = -(count * step - size) // 2
    values = np.zeros(count, np.float32)
    changing = [
        (cell, box)
        for cell in np.ndindex(*count)
        for box in [_block(first + np.array(cell) * step, step, size=size)]
        if (image[(..., *box)] != background).any()
    ]
    batch = max(1, min(BATCH, BATCH_VOXELS // int(size.prod())))
    training = net.training
    try:
        with torch.inference_mode():
            logit = float(net.eval()(image))
            for begin in range(0, len(changing), batch):
                part = changing[begin : begin + batch]
                covered = image.repeat(len(part), 1, 1, 1, 1)
                for one, (_, box) in zip(covered, part, strict=True):
                    one[(..., *box)] = background
                fallen = logit - net(covered).reshape(-1).float().cpu().numpy()
                for (cell, _), value in zip(part, fallen, strict=True):
                    values[cell] = value
    finally:
        net.train(training)
    place = np.diag([step, step, step, 1.0])
    place[:3, 3] = first + (step - 1) / 2
    return values, Grid(tuple(int(n) for n in count), grid.affine @ place)


def _block(corner: np.ndarray, step: int, *, size: np.ndarray) -> tuple[slice, ...]:
    """What a cell's block covers of the image; the outer ones hang over its faces."""
    low = np.maximum(corner - step // 2, 0)
    high = np.minimum(corner + step + step // 2, size)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
