"""What is known of samples beside their label, as numbers to learn from.

Where nodules lie by their centres and diameters, on the grid of the network's input.
"""

from collections.abc import Sequence

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.data.lesion_mask import FULL_SHARE
from lungcam.errors import InputError
from lungcam.explain import ball_share
from lungcam.grid import Grid

DIAMETER = "diameter_mm"


def attribute_table(samples: Sequence[Sample], names: Sequence[str]) -> np.ndarray:
    """Read attributes of samples.

    Args:
        samples: The samples.
        names: `diameter_mm`, of which the logarithm is taken, or names of features.

    Returns:
        `(N, A)` float64; NaN where unknown.
    """
    columns = []
    for name in names:
        if name == DIAMETER:
            column = [np.log(one.diameter_mm) if one.diameter_mm else np.nan for one in samples]
        else:
            column = [one.features.get(name, np.nan) for one in samples]
        columns.append(column)
    return np.array(columns, float).reshape(len(names), len(samples)).T


def standardise(known: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Bring attributes to mean 0 and deviation 1 over samples.

    Args:
        known: `(N, A)`, NaN where unknown.
        names: Of the `A` attributes.

    Returns:
        `(N, A)` float32.

    Raises:
        InputError: An attribute is known of no sample, or the same in all.
    """
    for name, here in zip(names, ~np.isnan(known.T), strict=True):
        if not here.any():
            raise InputError(
                f"model.attributes: {name} is known of no training sample; name it in "
                "data.features, or take it out."
            )
    mean, deviation = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    for name, one in zip(names, deviation, strict=True):
        if one == 0:
            raise InputError(f"model.attributes: {name} is the same in all; take it out.")
    return ((known - mean) / deviation).astype(np.float32)


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


def balls_share(table: np.ndarray, index: int, *, target: Grid) -> np.ndarray:
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
        np.maximum(share, ball_share(np.array(center_mm), diameter_mm, grid=target), out=share)
    return np.rint(share * FULL_SHARE).astype(np.uint8)
