"""Where nodules lie by their centres and diameters, on the grid of the network's input."""

from collections.abc import Sequence

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.data.lesion import WHOLE
from lungcam.explain import ball_share
from lungcam.grid import Grid


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
