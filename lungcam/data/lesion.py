"""Lesions on the grid of the network's input: by a mask, or by centres and diameters."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torchio as tio

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.explain import ball_share
from lungcam.grid import Grid, resample

WHOLE = 255


def read_lesion(file: Path) -> tuple[np.ndarray, Grid]:
    """Read a mask, any volume file that is non-zero in the lesion.

    Returns:
        `(W, H, D)` bool, and where it stands.

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
        InputError: The mask cannot be read, or stands across the grid.
    """
    within, grid = read_lesion(file)
    try:
        share = resample(within, grid, target)
    except ValueError as error:
        raise _unreadable(file, error) from error
    return np.rint(share * WHOLE).astype(np.uint8)


def nodule_table(samples: Sequence[Sample]) -> np.ndarray:
    """Where the nodules of samples lie, as far as it is known.

    Returns:
        `(N, 5)` float64: the sample's index, never decreasing, the centre in RAS mm and the
        diameter in mm. All nodules of a scan that count, or else the sample's own.
    """
    rows = []
    for index, sample in enumerate(samples):
        told = [(one.center_mm, one.diameter_mm) for one in sample.nodules if one.counts]
        if not told and sample.center_mm is not None:
            told = [(sample.center_mm, sample.diameter_mm or 0)]
        rows += [(index, *center_mm, mm) for center_mm, mm in told if mm > 0]
    return np.array(rows, np.float64).reshape(-1, 5)


def balls_share(table: np.ndarray, index: int, target: Grid) -> np.ndarray:
    """The nodules of a sample as balls.

    Args:
        table: From `nodule_table`.
        index: The sample's.
        target: Grid of the network's input.

    Returns:
        `(W, H, D)` uint8: the share of each voxel that is nodule, in 255ths.
    """
    share = np.zeros(target.shape, np.float32)
    first, last = np.searchsorted(table[:, 0], (index, index + 1))
    for _, *center_mm, diameter_mm in table[first:last]:
        np.maximum(share, ball_share(np.array(center_mm), diameter_mm, target), out=share)
    return np.rint(share * WHOLE).astype(np.uint8)


def _unreadable(file: Path, error: Exception) -> InputError:
    return InputError(
        f"{file}: cannot be read as the mask of a lesion ({' '.join(str(error).split())}); "
        "replace it, or leave the table's cell empty."
    )
