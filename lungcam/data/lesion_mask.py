"""Mask of a sample's lesion, on its own grid or on that of the network's input."""

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.masks import Mask, MaskFault, read_lesion_mask
from lungcam.masks.label_map import read_label_map
from lungcam.masks.lesions import REMEDY
from lungcam.masks.mask import share_on
from lungcam.scans import Scan, read_scan

# value of a voxel that is all lesion
FULL_SHARE = 255


def read_lesion(sample: Sample, scan: Scan | None = None) -> tuple[np.ndarray, Grid]:
    """Read the mask of a sample's lesion and check that it fits the scan.

    Args:
        sample: Sample with a mask.
        scan: Its scan, if it was read before; without it, a mask that lungcam did not make is
            compared with the scan on disk.

    Returns:
        `(W, H, D)` bool, and its grid, with axes along the scan's.

    Raises:
        InputError: The mask cannot be read or does not fit the scan, or the scan cannot be read.
    """
    if sample.lesion_checked:
        try:
            mask = read_label_map(sample.lesion_mask)
        except (MaskFault, OSError) as fault:
            raise InputError(
                f"{sample.lesion_mask}: cannot be used as the mask of a lesion: {fault}; {REMEDY}."
            ) from fault
        return mask.share > 0, mask.grid
    if scan is None:
        scan = read_scan(
            sample.image, sample.series, whole_chest=False, time=sample.time, tilt=sample.tilt
        )
    return read_lesion_mask(sample.lesion_mask, scan, segment=sample.lesion_segment)


def lesion_share(sample: Sample, target: Grid, *, scan: Scan | None = None) -> np.ndarray:
    """Read the mask of a sample's lesion and resample it.

    Args:
        sample: Sample with a mask.
        target: Grid of the network's input, its axes along the scan's.
        scan: See `read_lesion`.

    Returns:
        `(W, H, D)` uint8: the share of each voxel that is lesion, in 255ths.

    Raises:
        InputError: See `read_lesion`.
    """
    inside, grid = read_lesion(sample, scan)
    share = share_on(Mask(share=inside, grid=grid), target)
    return np.rint(share * FULL_SHARE).astype(np.uint8)
