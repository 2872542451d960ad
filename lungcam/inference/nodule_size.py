"""Diameter of a nodule by the outline that nets draw."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, label

from lungcam.evaluation.ensemble import Ensemble
from lungcam.grid import Grid

# from the cube's middle to the nearest voxel of the nodule
NEAR_MM = 6.0
# of the largest ball, as a share of the cube
LARGEST = 0.75


@torch.no_grad()
def outlined_diameters(
    ensemble: Ensemble, images: torch.Tensor, grids: Sequence[Grid]
) -> list[float | None]:
    """Return the diameter of a ball as large as the outlined nodule in each cube's middle, in mm.

    Args:
        ensemble: Nets; those with a method `read` draw outlines, which are averaged.
        images: `(N, 1, w, h, d)`.
        grids: Grid of each image.

    Returns:
        None where no net draws outlines, nothing is outlined near the middle, or the nodule is as
        large as the cube. An outline that reaches a face of the cube runs on along a wall or a
        vessel: the largest ball in it is measured.
    """
    nets = [net.classifier for net in ensemble.nets if hasattr(net.classifier.net, "read")]
    if not nets:
        return [None] * len(grids)
    outlines = [net.read(images).outline.float().sigmoid() for net in nets]
    shares = torch.stack(outlines).mean(0)[:, 0].cpu().numpy()
    return [_diameter(share, grid) for share, grid in zip(shares, grids, strict=True)]


def _diameter(share: np.ndarray, grid: Grid) -> float | None:
    """Return the diameter of the nodule in the middle of a soft outline `(w, h, d)`."""
    parts, _ = label(share > 0.5)
    inside = np.argwhere(parts > 0)
    if not len(inside):
        return None
    middle = (np.array(share.shape) - 1) / 2
    distances = np.linalg.norm((inside - middle) * grid.spacing_mm, axis=1)
    if distances.min() > NEAR_MM:
        return None
    nodule = parts == parts[tuple(inside[distances.argmin()])]
    if _reaches_a_face(nodule):
        ball_mm = 2 * float(distance_transform_edt(nodule, sampling=grid.spacing_mm).max())
        largest_mm = LARGEST * min(np.multiply(share.shape, grid.spacing_mm))
        return ball_mm if ball_mm < largest_mm else None
    volume_mm3 = nodule.sum() * np.prod(grid.spacing_mm)
    return float(2 * (volume_mm3 * 3 / (4 * np.pi)) ** (1 / 3))


def _reaches_a_face(nodule: np.ndarray) -> bool:
    return any(nodule.take(end, axis=axis).any() for axis in range(3) for end in (0, -1))
