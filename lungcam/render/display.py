"""The 0-255 display scale. For pictures only: no number that is reported passes through it."""

import numpy as np

AIR_TO_SOFT_TISSUE_HU = (-1200.0, 600.0)


def to_display(
    hu: np.ndarray,
    low: float = AIR_TO_SOFT_TISSUE_HU[0],
    high: float = AIR_TO_SOFT_TISSUE_HU[1],
) -> np.ndarray:
    """Map a window of Hounsfield units linearly to 0-255.

    Args:
        hu: Array of any shape, in HU.
        low: HU shown as 0; everything below is 0 too.
        high: HU shown as 255; everything above is 255 too.

    Returns:
        Array of the same shape, uint8, rounded to the nearest step.

    Raises:
        ValueError: If `low` is not below `high`.
    """
    if not low < high:
        raise ValueError(f"The display window must rise, but low is {low} HU and high {high} HU.")
    scaled = (np.asarray(hu, dtype=np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(scaled.clip(0, 255, out=scaled), out=scaled).astype(np.uint8)
