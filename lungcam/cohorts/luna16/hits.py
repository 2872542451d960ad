"""Which nodule a point hits, by LUNA16's rule."""

import numpy as np
from scipy.spatial import cKDTree

UNKNOWN_DIAMETER_MM = 10.0


def hits(points: np.ndarray, centers: np.ndarray, diameters: np.ndarray) -> np.ndarray:
    """Find the nodule that each point of a scan hits: one nearer to it than half its diameter.

    Setio et al. 2017, doi:10.1016/j.media.2017.06.015. A finding without a diameter, which LUNA16
    writes as -1, takes 10 mm, as in the official evaluation script.

    Args:
        points: `(N, 3)` mm.
        centers: `(M, 3)` mm in the same world, of one scan.
        diameters: `(M,)` mm.

    Returns:
        `(N,)` index of the nearest nodule that is hit, -1 where none is.
    """
    found = np.full(len(points), -1)
    if not len(points) or not len(centers):
        return found
    radii = np.where(np.asarray(diameters) < 0, UNKNOWN_DIAMETER_MM, diameters) / 2
    nearest = np.full(len(points), np.inf)
    for nodule, near in enumerate(cKDTree(points).query_ball_point(centers, radii)):
        # the ball holds its surface, the rule does not
        distances = np.linalg.norm(points[near] - centers[nodule], axis=1)
        closer = (distances < radii[nodule]) & (distances < nearest[near])
        chosen = np.asarray(near, int)[closer]
        found[chosen], nearest[chosen] = nodule, distances[closer]
    return found
