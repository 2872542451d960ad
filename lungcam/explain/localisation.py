"""Whether a map points at the lesion."""

import numpy as np

from lungcam.grid import Grid

HIT_MARGIN_MM = 5.0


def peak_mm(heat: np.ndarray, cells: Grid) -> np.ndarray:
    """RAS mm of a map's highest cell.

    Args:
        heat: `(w, h, d)` map.
        cells: Where its cells stand, from `cell_grid`.

    Returns:
        `(3,)` position; NaN where no cell is above 0 and so the map points nowhere.
    """
    if not heat.max() > 0:
        return np.full(3, np.nan)
    return cells.to_world(np.unravel_index(int(np.argmax(heat)), heat.shape))


def is_hit(
    peak: np.ndarray, center_mm: np.ndarray, diameter_mm: float, margin_mm: float = HIT_MARGIN_MM
) -> bool:
    """Whether the peak lies within the lesion's radius and a margin; without one, in the lesion."""
    return bool(np.linalg.norm(peak - center_mm) <= diameter_mm / 2 + margin_mm)


def random_hit_share(
    lungs: np.ndarray,
    grid: Grid,
    center_mm: np.ndarray,
    diameter_mm: float,
    margin_mm: float = HIT_MARGIN_MM,
) -> float:
    """Probability that a random point in the lungs is a hit: the baseline of `is_hit`.

    Args:
        lungs: `(W, H, D)` bool.
        grid: Where the lungs stand.
        center_mm: Lesion's centre in RAS mm.
        diameter_mm: Lesion's diameter in mm.
        margin_mm: As for `is_hit`.
    """
    points = grid.to_world(np.argwhere(lungs))
    distance = np.linalg.norm(points - center_mm, axis=1)
    return float(np.mean(distance <= diameter_mm / 2 + margin_mm))
