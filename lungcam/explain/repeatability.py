"""Whether a map stays where it is when the input hardly changes."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from lungcam.explain.heatmap import HeatMap
from lungcam.explain.similarity import compare
from lungcam.grid import Grid

# voxels of the input: one, half a cell of a layer at half resolution, and two along all axes
SHIFTS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-2, -2, -2))
# standard deviation of the noise, as a share of the input's own
NOISE = 0.05


def shifted(image: torch.Tensor, grid: Grid, by: Sequence[int]) -> tuple[torch.Tensor, Grid]:
    """Look at the same patient through a grid that stands some voxels further on.

    Args:
        image: `(1, C, W, H, D)`.
        grid: Where it stands.
        by: Voxels along each axis.

    Returns:
        The image, its outermost voxels going on where it ends, and where it stands now: what is
        seen stays where it was in the scanner's space.
    """
    for axis, (size, step) in enumerate(zip(grid.shape, by, strict=True), start=2):
        index = torch.arange(size, device=image.device).add(step).clamp(0, size - 1)
        image = image.index_select(axis, index)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(np.asarray(by))
    return image, Grid(grid.shape, affine)


def noisy(image: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Add slight Gaussian noise; torch's own random numbers are not touched."""
    drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return image + NOISE * image.std() * drawn.to(image.device)


def repeatability(
    make: Callable[[torch.Tensor, Grid], HeatMap],
    image: torch.Tensor,
    grid: Grid,
    where: np.ndarray,
    seed: int = 0,
) -> Mapping[str, dict[str, float]]:
    """Compare a map with those of the shifted and of the noisy input.

    Args:
        make: Explains an image on a grid.
        image: `(1, C, W, H, D)`.
        grid: Where it stands.
        where: `(w, h, d)` bool, the map's cells to compare.
        seed: Of the noise.

    Returns:
        `shift` and `noise`, each as of `compare`; of the shifts the mean of all, and `steady`, the
        share of them after which the peak lies within a cell's diagonal of where it was.
    """
    heat = make(image, grid)
    moved = [compare(heat, make(*shifted(image, grid, by)), where) for by in SHIFTS]
    distances = np.array([one["peak_mm"] for one in moved])
    told = distances[~np.isnan(distances)]
    return {
        "shift": {
            "spearman": float(np.mean([one["spearman"] for one in moved])),
            "peak_mm": float(told.mean()) if told.size else math.nan,
            "steady": float(np.mean(distances <= np.linalg.norm(heat.cells.spacing_mm) + 1e-6)),
        },
        "noise": compare(heat, make(noisy(image, seed), grid), where),
    }
