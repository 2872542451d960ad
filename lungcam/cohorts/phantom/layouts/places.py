"""Places in a phantom's lungs, away from its nodule."""

import numpy as np

from lungcam.cohorts.phantom.phantom import Phantom

VESSEL_HU = -600
CLEAR_MM = 10.0


def places(
    rng: np.random.Generator, phantom: Phantom, count: int, vessels: bool = False
) -> np.ndarray:
    """Draw voxels in the lungs, at least a centimetre away from the nodule.

    Args:
        rng: Source of the choice.
        phantom: The phantom.
        count: How many.
        vessels: Whether to take only voxels as dense as vessels.

    Returns:
        `(count, 3)` int voxel indices.
    """
    lungs = phantom.lungs & (phantom.hu > VESSEL_HU) if vessels else phantom.lungs
    found = np.flatnonzero(lungs)
    # of the many that are near the nodule, some would fall away
    drawn = np.unravel_index(rng.choice(found, size=min(50 * count, found.size)), lungs.shape)
    index = np.stack(drawn, axis=1)
    if phantom.center_mm is not None:
        away = world(phantom, index) - phantom.center_mm
        clear = 0.7 * phantom.diameter_mm + CLEAR_MM
        index = index[np.linalg.norm(away, axis=1) > clear]
    return index[:count]


def world(phantom: Phantom, index: np.ndarray) -> np.ndarray:
    """RAS mm of voxel indices `(..., 3)`."""
    return index @ phantom.affine[:3, :3].T + phantom.affine[:3, 3]
