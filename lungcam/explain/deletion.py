"""Whether the logit hangs on what a map marks: deletion and insertion."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from lungcam.grid import Grid

# shares of the cells that are gone; finer at first, since a lesion is small
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
    """Take cells away, those that speak most for the positive class first, and put them back.

    Deletion and insertion after Petsiuk et al., RISE, BMVC 2018, in three dimensions: a cell's
    region is what lies nearer to it than to any other. The area under the curve of the logit, over
    the share of cells, is a mean logit: low for a good map in deletion, high in insertion. Beside
    it stand random orders of the same cells.

    Args:
        net: Maps `(B, C, W, H, D)` to one logit a sample.
        image: `(1, C, W, H, D)`.
        grid: Where the image stands.
        heat: `(w, h, d)` map; larger speaks more for the positive class. Ties are broken at random.
        cells: Where its cells stand; axes along the image's.
        background: What stands in the place of what is taken away.
        seed: Of the random orders.

    Returns:
        `deletion` and `insertion` in logits, `deletion_random` and `insertion_random`, and each
        with `_probability` at its end.
    """
    generator = np.random.default_rng(seed)
    owner = nearest_cells(cells, grid)
    # lexsort: by the map, and where that is equal at random
    orders = [np.lexsort((generator.random(heat.size), -heat.ravel()))]
    orders += [generator.permutation(heat.size) for _ in range(RANDOM_ORDERS)]
    areas: dict[str, list[float]] = {}
    for number, order in enumerate(orders):
        rank = np.empty(heat.size, np.int64)
        rank[order] = np.arange(heat.size)
        for name, insert in (("deletion", False), ("insertion", True)):
            logits = deletion_curve(
                net, image, rank=rank[owner], count=heat.size, background=background, insert=insert
            )
            ending = "" if number == 0 else "_random"
            for kind, values in (("", logits), ("_probability", 1 / (1 + np.exp(-logits)))):
                areas.setdefault(name + ending + kind, []).append(
                    area_under_curve(values, heat.size)
                )
    return {name: float(np.mean(found)) for name, found in areas.items()}


def nearest_cells(cells: Grid, grid: Grid) -> np.ndarray:
    """Flat index of the cell nearest to each voxel, `(W, H, D)`; axes run in the same order."""
    step = np.linalg.solve(cells.affine, grid.affine)
    nearest = []
    for axis, size in enumerate(grid.shape):
        at = step[axis, axis] * np.arange(size) + step[axis, 3]
        # a hair below one half, so that rounding errors do not part equal voxels
        nearest.append(np.clip(np.floor(at + 0.5 - 1e-6), 0, cells.shape[axis] - 1).astype(int))
    return np.ravel_multi_index(np.ix_(*nearest), cells.shape)


def steps(count: int) -> np.ndarray:
    """How many of so many cells are gone at each step."""
    return np.unique(np.rint(np.multiply(SHARES, count)).astype(int))


def area_under_curve(values: Sequence[float], count: int) -> float:
    """Area under a curve over the share of cells that are gone, by trapezoids."""
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
    """Logits after each step.

    Args:
        net: As for `deletion_areas`.
        image: `(1, C, W, H, D)`.
        rank: `(W, H, D)` turn of each voxel's cell.
        count: Of cells.
        background: As for `deletion_areas`.
        insert: Begin with the background alone and put cells back.

    Returns:
        `(S,)` for the `S` values of `steps`.
    """
    turn = torch.from_numpy(rank).to(image.device)
    blank = torch.full_like(image, background)
    before, after = (blank, image) if insert else (image, blank)
    shown = (torch.where(turn < step, after, before) for step in steps(count).tolist())
    logits: list[torch.Tensor] = []
    training = net.training
    net.eval()
    try:
        with torch.no_grad():
            batch: list[torch.Tensor] = []
            for one in shown:
                batch.append(one)
                if len(batch) == BATCH:
                    logits.append(net(torch.cat(batch)).reshape(-1))
                    batch = []
            if batch:
                logits.append(net(torch.cat(batch)).reshape(-1))
    finally:
        net.train(training)
    return torch.cat(logits).double().cpu().numpy()
