"""Annotated lesions of a sample's scan, as voxels of a grid."""

from pathlib import Path

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.data.lesion_mask import FULL_SHARE, lesion_share
from lungcam.explain.inpaint import dilated_mask, sphere
from lungcam.grid import Grid


def annotated_lesions(sample: Sample, grid: Grid) -> list[np.ndarray]:
    """Return the annotated lesions of a sample's scan, with a margin.

    The sample's own lesion is its mask, else a ball around its centre; every other nodule of its
    scan is a ball.

    Args:
        sample: The sample.
        grid: Grid to lay the lesions on.

    Returns:
        `(W, H, D)` bool each; empty where no lesion is known.
    """
    lesions: list[np.ndarray] = []
    if sample.lesion_mask is not None:
        share = lesion_share(Path(sample.lesion_mask), grid)
        lesions = [dilated_mask(share > FULL_SHARE // 2, grid)]
    elif sample.center_mm is not None and sample.diameter_mm:
        lesions = [sphere(grid, sample.center_mm, diameter_mm=sample.diameter_mm)]
    for nodule in sample.nodules:
        ball = sphere(grid, nodule.center_mm, diameter_mm=nodule.diameter_mm)
        # the sample's own lesion is among the scan's nodules
        if not any((ball & other).any() for other in lesions):
            lesions.append(ball)
    return [lesion for lesion in lesions if lesion.any()]
