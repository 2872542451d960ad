"""Deletion and insertion: the logit while the cells that a map marks are removed or restored."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from lungcam.grid import Grid

# shares of the cells that are deleted; finer at first, since a lesion is small
SHARES = (0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1)
RANDOM_ORDERS = 1
BATCH = 6


def deletion_areas(
    net: nn.Module,
    image: torch.Tensor,
    *,
    grid: Grid,
    heat: np.ndarray,
    cells: Grid,
    background: float,
    seed: int = 0,
) -> dict[str, float]:
    """Delete cells, the strongest evidence for the positive class first, and insert them again.

    Deletion and insertion after Petsiuk et al., RISE, BMVC 2018, in three dimensions: a cell's
    region is all that lies nearer to it than to any other. The area under the curve of the logit,
    over the share of cells, is a mean logit: low for a good map in deletion, high in insertion.
    Random orders of the same cells are the reference.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit per sample.
        image: `(1, C, W, H, D)`.
        grid: Grid of the image.
        heat: `(w, h, d)` map; larger speaks more for the positive class. Ties are broken at random.
        cells: Grid of the map's cells; axes along the image's.
        background: Value of a deleted voxel.
        seed: Seed of the random orders.

    Returns:
        `deletion` and `insertion` in logits, `deletion_random` and `insertion_random`, and each
        with the suffix `_probability`.
    """
    generator = np.random.default_rng(seed)
    nearest = nearest_cells(cells, grid)
    # lexsort: by the map, and where that is equal at random
    orders = [np.lexsort((generator.random(heat.size), -heat.ravel()))]
    orders += [generator.permutation(heat.size) for _ in range(RANDOM_ORDERS)]
    areas: dict[str, list[float]] = {}
    for number, order in enumerate(orders):
        rank = np.empty(heat.size, np.int64)
        rank[order] = np.arange(heat.size)
        for name, insert in (("deletion", False), ("insertion", True)):
            logits = deletion_curve(
                net,
                image,
                rank=rank[nearest],
                count=heat.size,
                background=background,
                insert=insert,
            )
            suffix = "" if number == 0 else "_random"
            for kind, values in (("", logits), ("_probability", 1 / (1 + np.exp(-logits)))):
                area = area_under_curve(values, heat.size)
                areas.setdefault(name + suffix + kind, []).append(area)
    return {name: float(np.mean(values)) for name, values in areas.items()}


def nearest_cells(cells: Grid, grid: Grid) -> np.ndarray:
    """Return the flat index of the cell nearest to each voxel, `(W, H, D)`; axes run alike."""
    to_cell = np.linalg.solve(cells.affine, grid.affine)
    nearest = []
    for axis, size in enumerate(grid.shape):
        position = to_cell[axis, axis] * np.arange(size) + to_cell[axis, 3]
        # slightly below one half, so that rounding errors do not separate equal voxels
        index = np.floor(position + 0.5 - 1e-6)
        nearest.append(np.clip(index, 0, cells.shape[axis] - 1).astype(int))
    return np.ravel_multi_index(np.ix_(*nearest), cells.shape)


def steps(count: int) -> np.ndarray:
    """Return how many of `count` cells are deleted at each step."""
    return np.unique(np.rint(np.multiply(SHARES, count)).astype(int))


def area_under_curve(values: Sequence[float], count: int) -> float:
    """Return the area under a curve over the share of deleted cells, by trapezoids."""
    return float(np.trapezoid(values, steps(count) / count))


def deletion_curve(
    net: nn.Module,
    image: torch.Tensor,
    *,
    rank: np.ndarray,
    count: int,
    background: float,
    insert: bool,
) -> np.ndarray:
    """Compute the logit after each step.

    Args:
        net: As for `deletion_areas`.
        image: `(1, C, W, H, D)`.
        rank: `(W, H, D)` rank of each voxel's cell in the order of deletion.
        count: Number of cells.
        background: As for `deletion_areas`.
        insert: Start from the background alone and insert cells.

    Returns:
        `(S,)` for the `S` values of `steps`.
    """
    ranks = torch.from_numpy(rank).to(image.device)
    blank = torch.full_like(image, background)
    before, after = (blank, image) if insert else (image, blank)
    counts = steps(count).tolist()
    logits: list[torch.Tensor] = []
    training = net.training
    net.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(counts), BATCH):
                batch = [
                    torch.where(ranks < step, after, before)
                    for step in counts[start : start + BATCH]
                ]
                logits.append(net(torch.cat(batch)).reshape(-1))
    finally:
        net.train(training)
    return torch.cat(logits).cpu().double().numpy()
