"""A lesion's mask on the grid of the network's input."""

from pathlib import Path

import numpy as np
import torchio as tio

from lungcam.errors import InputError
from lungcam.grid import Grid, resample

WHOLE = 255


def lesion_share(file: Path, target: Grid) -> np.ndarray:
    """Read a mask, any volume file that is non-zero in the lesion, and resample it.

    Args:
        file: On the scan's grid or on a box of it.
        target: Grid of the network's input, its axes along the scan's.

    Returns:
        `(W, H, D)` uint8: the share of each voxel that is lesion, in 255ths.

    Raises:
        InputError: The mask cannot be read, or stands across the grid.
    """
    try:
        mask = tio.LabelMap(file)
        within = mask.data[0].numpy() != 0
        share = resample(within, Grid(within.shape, mask.affine), target)
    except Exception as error:  # readers of many formats raise nearly anything
        raise InputError(
            f"{file}: cannot be read as the mask of a lesion ({' '.join(str(error).split())}); "
            "replace it, or leave the table's cell empty."
        ) from error
    return np.rint(share * WHOLE).astype(np.uint8)
