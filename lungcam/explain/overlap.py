"""How much of a map lies in the lesion, and how well its hot part covers it."""

import numpy as np

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


def overlap(heat: np.ndarray, share: np.ndarray, level: float) -> tuple[float, float]:
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
