"""The lung mask in one call."""

import numpy as np

from lungcam.lungs.air import air
from lungcam.lungs.components import lung_pockets
from lungcam.lungs.dilation import dilate


def lung_mask(
    hu: np.ndarray,
    spacing_mm: tuple[float, float, float],
    threshold: float = -350,
    dilation_mm: float = 4.0,
) -> np.ndarray:
    """Segment both lungs and dilate them: threshold, connected components, dilation.

    Args:
        hu: `(W, H, D)` volume in HU, in RAS+ order.
        spacing_mm: Voxel spacing in mm, in the same order.
        threshold: Air lies below, in HU.
        dilation_mm: Margin added around the lungs, in mm.

    Returns:
        `(W, H, D)` bool.

    Raises:
        ValueError: No lungs are found.
    """
    lungs = lung_pockets(air(hu, threshold), spacing_mm)
    return dilate(lungs, spacing_mm, dilation_mm)
