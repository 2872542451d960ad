"""One lesion's figures: how a map, a point or chance finds it."""

import numpy as np

from lungcam.explain.lesion import Lesion
from lungcam.explain.localisation import HIT_MARGIN_MM, is_hit, random_hit_share
from lungcam.explain.overlap import LEVELS, energy_inside, overlap
from lungcam.grid import Grid

POINT_FIGURES = ("peak_within_radius", "peak_within_radius_5mm", "peak_in_mask", "distance_mm")
MAP_FIGURES = (
    "energy_inside",
    *(f"iou_{level:.0%}".rstrip("%") for level in LEVELS),
    *(f"dice_{level:.0%}".rstrip("%") for level in LEVELS),
)


def measure_point(point: np.ndarray, lesion: Lesion) -> dict[str, float]:
    """Pointing game of one point in RAS mm, by the names in `POINT_FIGURES`.

    A point that is NaN stands nowhere: it hits nothing, infinitely far away. `peak_in_mask` is NaN
    where the lesion has no mask.
    """
    distance = float(np.linalg.norm(point - lesion.center_mm))
    hits = (
        float(is_hit(point, lesion.center_mm, lesion.diameter_mm, margin))
        for margin in (0.0, HIT_MARGIN_MM)
    )
    far = np.inf if np.isnan(distance) else distance
    return dict(zip(POINT_FIGURES, (*hits, lesion.holds(point), far), strict=True))


def measure_map(heat: np.ndarray, share: np.ndarray) -> dict[str, float]:
    """Energy, IoU and Dice, by the names in `MAP_FIGURES`; see `lungcam.explain.overlap`."""
    pairs = [overlap(heat, share, level) for level in LEVELS]
    values = energy_inside(heat, share), *(one for one, _ in pairs), *(two for _, two in pairs)
    return dict(zip(MAP_FIGURES, values, strict=True))


def measure_chance(
    lungs: np.ndarray, grid: Grid, lesion: Lesion, share: np.ndarray
) -> dict[str, float]:
    """What a random point in the lungs, and a map that is even over them, would reach.

    Args:
        lungs: `(W, H, D)` bool.
        grid: Where they stand.
        lesion: The lesion.
        share: `(W, H, D)` share of each voxel that is lesion.

    Returns:
        Expected figures; the distance is the median.
    """
    even = measure_map(lungs.astype(np.float32), share)
    hits = (
        random_hit_share(lungs, grid, lesion.center_mm, lesion.diameter_mm, margin)
        for margin in (0.0, HIT_MARGIN_MM)
    )
    inside = even["energy_inside"] if lesion.mask is not None else np.nan
    points = grid.to_world(np.argwhere(lungs))
    far = float(np.median(np.linalg.norm(points - lesion.center_mm, axis=1)))
    return dict(zip(POINT_FIGURES, (*hits, inside, far), strict=True)) | even
