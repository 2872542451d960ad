"""Occlusion: the fall of the logit where a part of the image is covered."""

from contextlib import nullcontext

import numpy as np
import torch
from torch import nn

from lungcam.grid import Grid

# cells along the shortest side
CELLS = 12
# blocks per forward pass, limited to the voxels of a few lungs
BATCH, BATCH_VOXELS = 32, 2**21


def occlusion(
    net: nn.Module, image: torch.Tensor, *, grid: Grid, background: float
) -> tuple[np.ndarray, Grid]:
    """Cover one block after the other and measure the fall of the logit.

    After Zeiler and Fergus, ECCV 2014. A cell has `ceil(shortest side / 12)` voxels along each
    axis, and the cells cover the image; the covered block is centred on the cell and extends half a
    cell further on each side. The value is `logit(image) - logit(covered)`: above 0 where the block
    raises the logit, below 0 where it lowers it. A block that changes no voxel has 0.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit per sample. If it has a method `held`, the context
            that this returns for the image surrounds all passes; see `lungcam.nets.ClassNet`.
        image: `(1, C, W, H, D)`.
        grid: Grid of the image.
        background: Value of a covered voxel, in every channel.

    Returns:
        `(w, h, d)` float32 values, and the grid of the blocks' centres.
    """
    size = np.array(image.shape[2:])
    step = -(-int(size.min()) // CELLS)
    count = -(-size // step)
    first = -(count * step - size) // 2
    values = np.zeros(count, np.float32)
    changing = [
        (cell, block)
        for cell in np.ndindex(*count)
        for block in [_block(first + np.array(cell) * step, step, size=size)]
        if (image[(..., *block)] != background).any()
    ]
    batch_size = max(1, min(BATCH, BATCH_VOXELS // int(size.prod())))
    training = net.training
    try:
        net.eval()
        held = net.held(image) if hasattr(net, "held") else nullcontext()
        with held, torch.inference_mode():
            logit = float(net(image))
            for start in range(0, len(changing), batch_size):
                batch = changing[start : start + batch_size]
                covered = image.repeat(len(batch), 1, 1, 1, 1)
                for copy, (_, block) in zip(covered, batch, strict=True):
                    copy[(..., *block)] = background
                falls = logit - net(covered).reshape(-1).float().cpu().numpy()
                for (cell, _), fall in zip(batch, falls, strict=True):
                    values[cell] = fall
    finally:
        net.train(training)
    to_voxel = np.diag([step, step, step, 1.0])
    to_voxel[:3, 3] = first + (step - 1) / 2
    return values, Grid(tuple(int(n) for n in count), grid.affine @ to_voxel)


def _block(corner: np.ndarray, step: int, *, size: np.ndarray) -> tuple[slice, ...]:
    """Return the part of the image that a cell's block covers, cut at the image's faces."""
    low = np.maximum(corner - step // 2, 0)
    high = np.minimum(corner + step + step // 2, size)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
