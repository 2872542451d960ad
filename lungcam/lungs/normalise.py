"""Zero-centring and normalisation over the lungs."""

import numpy as np


def zero_centre(volume: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Shift and scale so that the lungs have mean 0 and standard deviation 1.

    Args:
        volume: `(W, H, D)` in HU.
        lungs: `(W, H, D)` bool.

    Returns:
        `(W, H, D)` float32.

    Raises:
        ValueError: The lungs are empty or of one value.
    """
    values = volume[lungs].astype(np.float64)
    if values.size == 0 or values.std() == 0:
        raise ValueError("The lungs are empty or hold one value only: nothing to normalise over.")
    return ((volume - values.mean()) / values.std()).astype(np.float32)
