"""Whether a map points at the lesion.

What needs no network and points all the same.

How much of a map lies in the lesion, and how well its hot part covers it.

One lesion's figures: how a map, a point or chance finds it.
"""

import numpy as np

from lungcam.explain.heatmap import HeatMap
from lungcam.explain.lesion import Lesion
from lungcam.grid import Grid
from lungcam.metrics import within_radius


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
    distance = np.linalg.norm(peak - center_mm)
    return bool(within_radius(distance, diameter_mm, margin_mm=margin_mm, inclusive=True))


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
    hits = within_radius(distance, diameter_mm, margin_mm=margin_mm, inclusive=True)
    return float(np.mean(hits))


# shares of the map's maximum from which a place counts as hot
LEVELS = (0.25, 0.5, 0.75)


def energy_inside(heat: np.ndarray, share: np.ndarray) -> float:
    """Share of a map's positive mass that lies in the lesion.

    Wang et al., Score-CAM, CVPR Workshops 2020 (energy-based pointing game), here with the
    lesion itself in the place of its bounding box.

    Args:
        heat: `(W, H, D)` map; only what is above 0 counts.
        share: `(W, H, D)` share of each voxel that is lesion.

    Returns:
        In [0, 1]; 0 for a map without positive mass.
    """
    positive = np.maximum(heat, 0)
    mass = float(positive.sum(dtype=np.float64))
    return float((positive * share).sum(dtype=np.float64)) / mass if mass else 0.0


def overlap(heat: np.ndarray, share: np.ndarray, *, level: float) -> tuple[float, float]:
    """IoU and Dice of a map's hot part and the lesion.

    The level is a share of the map's own maximum: a level in logit units would mean another thing
    in each layer and method, since a map's height hangs on the number of its cells.

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
    """Energy, IoU and Dice, by the names in `MAP_FIGURES`; see `lungcam.explain.localisation`."""
    pairs = [overlap(heat, share, level=level) for level in LEVELS]
    values = energy_inside(heat, share), *(one for one, _ in pairs), *(two for _, two in pairs)
    return dict(zip(MAP_FIGURES, values, strict=True))


def measure_chance(
    lungs: np.ndarray, grid: Grid, *, lesion: Lesion, share: np.ndarray
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
