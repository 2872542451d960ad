"""Localisation of a lesion by a map: pointing game, energy, overlap, and their baselines."""

import numpy as np

from lungcam.explain.heatmap import HeatMap
from lungcam.explain.lesion import Lesion
from lungcam.grid import Grid
from lungcam.metrics import within_radius

HIT_MARGIN_MM = 5.0
# shares of the map's maximum from which a voxel counts as hot
LEVELS = (0.25, 0.5, 0.75)
POINT_METRICS = ("peak_within_radius", "peak_within_radius_5mm", "peak_in_mask", "distance_mm")
MAP_METRICS = (
    "energy_inside",
    *(f"iou_{level:.0%}".rstrip("%") for level in LEVELS),
    *(f"dice_{level:.0%}".rstrip("%") for level in LEVELS),
)


def measure_point(point: np.ndarray, lesion: Lesion) -> dict[str, float]:
    """Play the pointing game with a point in RAS mm; keys are `POINT_METRICS`.

    A NaN point has no place: it hits nothing, infinitely far away. `peak_in_mask` is NaN where the
    lesion has no mask.
    """
    distance = float(np.linalg.norm(point - lesion.center_mm))
    hits = (
        float(is_hit(point, lesion.center_mm, diameter_mm=lesion.diameter_mm, margin_mm=margin))
        for margin in (0.0, HIT_MARGIN_MM)
    )
    distance_mm = np.inf if np.isnan(distance) else distance
    return dict(zip(POINT_METRICS, (*hits, lesion.contains(point), distance_mm), strict=True))


def measure_map(heat: np.ndarray, share: np.ndarray) -> dict[str, float]:
    """Compute energy, IoU and Dice; keys are `MAP_METRICS`, arguments those of `energy_inside`."""
    overlaps = [overlap(heat, share, level=level) for level in LEVELS]
    values = (
        energy_inside(heat, share),
        *(iou for iou, _ in overlaps),
        *(dice for _, dice in overlaps),
    )
    return dict(zip(MAP_METRICS, values, strict=True))


def measure_chance(
    lungs: np.ndarray, grid: Grid, *, lesion: Lesion, share: np.ndarray
) -> dict[str, float]:
    """Compute what a random point in the lungs, and a uniform map over them, would reach.

    Args:
        lungs: `(W, H, D)` bool.
        grid: Grid of the lungs.
        lesion: The lesion.
        share: `(W, H, D)` share of each voxel that is lesion.

    Returns:
        Expected values; the distance is the median.
    """
    uniform = measure_map(lungs.astype(np.float32), share)
    hits = (
        random_hit_share(
            lungs,
            grid,
            center_mm=lesion.center_mm,
            diameter_mm=lesion.diameter_mm,
            margin_mm=margin,
        )
        for margin in (0.0, HIT_MARGIN_MM)
    )
    in_mask = uniform["energy_inside"] if lesion.mask is not None else np.nan
    points = grid.to_world(np.argwhere(lungs))
    distance_mm = float(np.median(np.linalg.norm(points - lesion.center_mm, axis=1)))
    return dict(zip(POINT_METRICS, (*hits, in_mask, distance_mm), strict=True)) | uniform


def is_hit(
    peak: np.ndarray,
    center_mm: np.ndarray,
    *,
    diameter_mm: float,
    margin_mm: float = HIT_MARGIN_MM,
) -> bool:
    """Return True if a peak lies within the lesion's radius and a margin, surface included."""
    distance = np.linalg.norm(peak - center_mm)
    return bool(within_radius(distance, diameter_mm, margin_mm=margin_mm, inclusive=True))


def random_hit_share(
    lungs: np.ndarray,
    grid: Grid,
    *,
    center_mm: np.ndarray,
    diameter_mm: float,
    margin_mm: float = HIT_MARGIN_MM,
) -> float:
    """Return the probability that a random point in the lungs is a hit: the baseline of `is_hit`.

    Args:
        lungs: `(W, H, D)` bool.
        grid: Grid of the lungs.
        center_mm: Lesion's centre in RAS mm.
        diameter_mm: Lesion's diameter in mm.
        margin_mm: As for `is_hit`.
    """
    points = grid.to_world(np.argwhere(lungs))
    distance = np.linalg.norm(points - center_mm, axis=1)
    hits = within_radius(distance, diameter_mm, margin_mm=margin_mm, inclusive=True)
    return float(np.mean(hits))


def energy_inside(heat: np.ndarray, share: np.ndarray) -> float:
    """Return the share of a map's positive mass that lies in the lesion.

    Wang et al., Score-CAM, CVPR Workshops 2020 (energy-based pointing game), here with the
    lesion itself in place of its bounding box.

    Args:
        heat: `(W, H, D)` map; only values above 0 count.
        share: `(W, H, D)` share of each voxel that is lesion.

    Returns:
        In [0, 1]; 0 for a map without positive mass.
    """
    positive = np.maximum(heat, 0)
    mass = float(positive.sum(dtype=np.float64))
    return float((positive * share).sum(dtype=np.float64)) / mass if mass else 0.0


def overlap(heat: np.ndarray, share: np.ndarray, *, level: float) -> tuple[float, float]:
    """Return IoU and Dice of a map's hot part and the lesion.

    The level is a share of the map's own maximum: a level in logit units would mean another thing
    in each layer and method, since a map's height depends on the number of its cells.

    Args:
        heat: `(W, H, D)` map.
        share: `(W, H, D)` share of each voxel that is lesion.
        level: In (0, 1].

    Returns:
        Both in [0, 1]; 0 for a map without a cell above 0.
    """
    top = heat.max()
    if not top > 0:
        return 0.0, 0.0
    hot = heat >= level * top
    both = float(share[hot].sum(dtype=np.float64))
    total = float(hot.sum()) + float(share.sum(dtype=np.float64))
    return both / (total - both), 2 * both / total


def brightness(image: np.ndarray, grid: Grid) -> HeatMap:
    """Return the image as a map: its excess over the median, which in a chest is lung.

    Args:
        image: `(W, H, D)`, the network's input.
        grid: Grid of the image.
    """
    return HeatMap(np.maximum(image - np.median(image), 0), grid)


def lung_centers(lungs: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the centre of each lung, or of a crop, in which all voxels are lung.

    The lungs are separated in the middle between their outermost right and left.

    Args:
        lungs: `(W, H, D)` bool, not empty.
        grid: Grid of the lungs.

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
