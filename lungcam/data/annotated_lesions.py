"""Annotated lesions of a sample's scan, as voxels of a grid."""

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.data.lesion_mask import FULL_SHARE, lesion_share
from lungcam.explain.inpaint import dilated_mask, sphere
from lungcam.grid import Grid
from lungcam.scans import Scan


def annotated_lesions(sample: Sample, grid: Grid, *, scan: Scan | None = None) -> list[np.ndarray]:
    """Return the annotated lesions of a sample's scan, with a margin.

    The sample's own lesion is its mask, else a ball around its centre; every other nodule of its
    scan is a ball.

    Args:
        sample: The sample.
        grid: Grid to lay the lesions on.
        scan: Scan of the sample, if it was read before.

    Returns:
        `(W, H, D)` bool each; empty where no lesion is known.

    Raises:
        InputError: The mask cannot be read or does not fit the scan.
    """
    lesions: list[np.ndarray] = []
    if sample.lesion_mask is not None:
        share = lesion_share(sample, grid, scan=scan)
        lesions = [dilated_mask(share > FULL_SHARE // 2, grid)]
    elif sample.center_mm is not None and sample.diameter_mm:
        lesions = [sphere(grid, sample.center_mm, diameter_mm=sample.diameter_mm)]
    for nodule in sample.nodules:
        ball = sphere(grid, nodule.center_mm, diameter_mm=nodule.diameter_mm)
        # the sample's own lesion is among the scan's nodules
        if not any((ball & other).any() for other in lesions):
            lesions.append(ball)
    return [lesion for lesion in lesions if lesion.any()]
