"""Masks of lesions in the place of their scan."""

from pathlib import Path

import numpy as np

from lungcam.errors import InputError
from lungcam.grid import Grid, are_parallel
from lungcam.masks.mask import HALF, MaskFault, mask_on
from lungcam.masks.placement import check_lesion
from lungcam.masks.read import read_mask
from lungcam.scans import Scan

REMEDY = "replace it, or leave the table's cell empty"


def read_lesion_mask(
    file: Path, scan: Scan, *, segment: str | None = None
) -> tuple[np.ndarray, Grid]:
    """Read the mask of a lesion and check that it fits its scan.

    Args:
        file: See `lungcam.masks.read_mask`.
        scan: The scan.
        segment: Segment, region or label of the lesion.

    Returns:
        `(W, H, D)` bool, and its grid: the mask's own where its axes are along the scan's,
        otherwise the scan's.

    Raises:
        InputError: The mask cannot be read, or does not fit the scan.
    """
    try:
        mask = read_mask(file, scan, segment=segment)
        check_lesion(mask, scan)
        mask = mask.cropped()
    except MaskFault as fault:
        raise InputError(
            f"{file}: cannot be used as the mask of a lesion: {fault}; {REMEDY}."
        ) from fault
    if are_parallel(mask.grid, scan.grid):
        return mask.share >= HALF, mask.grid
    return mask_on(mask, scan.grid), scan.grid
