"""The box around a mask."""

import numpy as np


def bounding_box(mask: np.ndarray, margin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, ...]:
    """Find the smallest box that holds a mask.

    Args:
        mask: `(W, H, D)` bool.
        margin: Voxels to add on either side of each axis, as far as the volume goes.

    Returns:
        A slice for each axis.

    Raises:
        ValueError: The mask is empty.
    """
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        if filled.size == 0:
            raise ValueError("The mask is empty.")
        stop = min(int(filled[-1]) + 1 + margin[axis], mask.shape[axis])
        box.append(slice(max(int(filled[0]) - margin[axis], 0), stop))
    return tuple(box)
