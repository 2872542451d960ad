"""Walls shown paler than what stands in the lungs."""

import numpy as np

from lungcam.lungs.closing import BAY_MM, close


def fade_walls(
    values: np.ndarray,
    lungs: np.ndarray,
    spacing_mm: tuple[float, float, float],
    contrast: float,
) -> np.ndarray:
    """Lower the contrast of what lies neither in the lungs nor in a bay of them.

    A mask that keeps tumours at the wall shows the wall too, which is as dense as a nodule and a
    thousand times larger. A closing with a ball of 20 mm tells them apart: what it adds to the
    lungs, such as a nodule at the pleura, keeps its contrast.

    Args:
        values: `(W, H, D)`, normalised: the lungs' mean is 0.
        lungs: `(W, H, D)` bool on the same grid.
        spacing_mm: Spacing of that grid in mm.
        contrast: What values elsewhere are multiplied by, 0 to 1; 1 leaves all as it is.

    Returns:
        `(W, H, D)` float32.
    """
    inner = close(lungs, spacing_mm, BAY_MM)
    return np.where(inner, values, values * np.float32(contrast)).astype(np.float32)
