"""Mask of a lesion on the grid of the network's input."""

from pathlib import Path

import numpy as np
import torchio as tio

from lungcam.errors import InputError
from lungcam.grid import Grid, resample

# value of a voxel that is all lesion
FULL_SHARE = 255


def read_lesion(file: Path) -> tuple[np.ndarray, Grid]:
    """Read a mask, any volume file that is non-zero in the lesion.

    Returns:
        `(W, H, D)` bool, and its grid.

    Raises:
        InputError: The mask cannot be read.
    """
    try:
        mask = tio.LabelMap(file)
        within = mask.data[0].numpy() != 0
        return within, Grid(within.shape, mask.affine)
    except Exception as error:  # readers of many formats raise nearly anything
        raise _unreadable(file, error) from error


def lesion_share(file: Path, target: Grid) -> np.ndarray:
    """Read a mask and resample it.

    Args:
        file: On the scan's grid or on a box of it.
        target: Grid of the network's input, its axes along the scan's.

    Returns:
        `(W, H, D)` uint8: the share of each voxel that is lesion, in 255ths.

    Raises:
        InputError: The mask cannot be read, or its axes are not along the grid's.
    """
    within, grid = read_lesion(file)
    try:
        share = resample(within, grid, target=target)
    except ValueError as error:
        raise _unreadable(file, error) from error
    return np.rint(share * FULL_SHARE).astype(np.uint8)


def _unreadable(file: Path, error: Exception) -> InputError:
    return InputError(
        f"{file}: cannot be read as the mask of a lesion ({' '.join(str(error).split())}); "
        "replace it, or leave the table's cell empty."
    )
