"""The rim of chest wall that a lung mask may hold, which would hide the lungs like a shell."""

import numpy as np

RIM_MM = 6.0
DENSE = 106
"""About -450 HU on the default window: between aerated lung and soft tissue."""


def dense_rim(
    shown: np.ndarray, share: np.ndarray, side_mm: float, dense: float = DENSE
) -> np.ndarray:
    """Find the soft tissue that a lung mask holds along its surface.

    Masks are often dilated by a few millimetres, or have gaps filled slice by slice. What is
    reached from outside through soft tissue alone, up to 6 mm deep, is chest wall, heart or
    diaphragm; vessels and nodules lie deeper or behind aerated lung.

    Args:
        shown: `(W, H, D)` lungs on the display scale, 0 outside.
        share: `(W, H, D)` share of each voxel that is in the mask, 0 to 1.
        side_mm: Size of a voxel.
        dense: Display value from which tissue is soft tissue.

    Returns:
        `(W, H, D)` bool: outside, and the rim.
    """
    outside = share < 0.5
    soft = shown > dense * share
    for _ in range(round(RIM_MM / side_mm)):
        grown = outside.copy(order="K")  # in the order of its neighbours: mixed is slow
        for axis in range(3):
            new, old = np.moveaxis(grown, axis, 0), np.moveaxis(outside, axis, 0)
            new[1:] |= old[:-1]
            new[:-1] |= old[1:]
        outside |= grown & soft
    return outside
