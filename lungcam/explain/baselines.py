"""What needs no network and points all the same."""

import numpy as np

from lungcam.explain.heatmap import HeatMap
from lungcam.grid import Grid


def brightness(image: np.ndarray, grid: Grid) -> HeatMap:
    """The image itself as a map: what is denser than its median, which in a chest is lung.

    Args:
        image: `(W, H, D)`, what the network is shown.
        grid: Where it stands.
    """
    return HeatMap(np.maximum(image - np.median(image), 0), grid)


def lung_centers(lungs: np.ndarray, grid: Grid) -> np.ndarray:
    """Centre of each lung, or of a crop, in which all is taken for lung.

    The lungs are parted in the middle between their outermost right and left.

    Args:
        lungs: `(W, H, D)` bool, not empty.
        grid: Where they stand.

    Returns:
        `(2, 3)` or `(1, 3)` RAS mm.
    """
    points = grid.to_world(np.argwhere(lungs))
    if lungs.all():
        return points.mean(axis=0, keepdims=True)
    right = points[:, 0]
    middle = (right.min() + right.max()) / 2
    sides = (points[right >= middle], points[right < middle])
    return np.array([side.mean(axis=0) for side in sides if len(side)])
