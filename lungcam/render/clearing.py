"""Tissue around the heat, made glassy so that it does not hide what glows inside."""

import cc3d
import numpy as np
from scipy import ndimage

from lungcam.render.colormap import HEAT_FLOOR
from lungcam.render.rim import DENSE

LUMP_MM = 6.0
"""Least width of a dense lump: thinner are vessels, which hide little."""

AROUND_MM = 3.0
"""How far beyond the heat, and beyond the lumps that hold it, tissue is made glassy."""

WITHIN_MM = 25.0
"""How far from the heat a lump may reach."""


def clear_around(shown: np.ndarray, share: np.ndarray, side_mm: float, haze: float) -> None:
    """Cap the lungs' display values where there is heat, and in dense lumps that hold heat.

    A nodule is all but opaque: heat inside would show as a pale tint of its surface or not at all.

    Args:
        shown: `(W, H, D)` lungs on the display scale; changed in place.
        share: `(W, H, D)` heat as a share of its peak.
        side_mm: Size of a voxel.
        haze: Highest display value that is translucent.
    """
    hot = share > HEAT_FLOOR
    found = ndimage.find_objects(hot.astype(np.uint8))
    if not found:
        return
    margin = round(WITHIN_MM / side_mm)
    near = tuple(slice(max(0, s.start - margin), s.stop + margin) for s in found[0])
    hot = hot[near]
    cleared = _grown(hot | _lumps(shown[near] > DENSE, hot, side_mm), AROUND_MM / side_mm)
    # without a sharp edge, which would be drawn as one
    edge = ndimage.uniform_filter(cleared.astype(np.float32), 2 * round(1.5 / side_mm) + 1)
    np.minimum(shown[near], 255 - (255 - haze) * edge, out=shown[near])


def _lumps(dense: np.ndarray, hot: np.ndarray, side_mm: float) -> np.ndarray:
    """The lumps of dense tissue that hold heat, without the vessels that lead to them."""
    width = max(1, round(LUMP_MM / side_mm))
    cores = cc3d.connected_components(ndimage.minimum_filter(dense, width), connectivity=6)
    held = np.zeros(cores.max() + 1, dtype=bool)
    held[cores[_grown(hot, width / 2)]] = True
    held[0] = False
    return _grown(held[cores], width / 2)


def _grown(mask: np.ndarray, voxels: float) -> np.ndarray:
    return ndimage.maximum_filter(mask, 2 * round(voxels) + 1)
