"""Air by its HU."""

import numpy as np


def air(hu: np.ndarray, threshold: float = -350) -> np.ndarray:
    """Voxels below a threshold: lungs, airway, bowel gas and the air around the person.

    Args:
        hu: `(W, H, D)` volume in HU.
        threshold: In HU; soft tissue lies above, aerated lung below.

    Returns:
        `(W, H, D)` bool.
    """
    return hu < threshold
