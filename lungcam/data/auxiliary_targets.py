"""Targets that a net learns in addition to the label: attributes and places of nodules."""

from collections.abc import Sequence

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.data.lesion_mask import FULL_SHARE
from lungcam.errors import InputError
from lungcam.explain import ball_share
from lungcam.grid import Grid

DIAMETER = "diameter_mm"


def attribute_table(samples: Sequence[Sample], names: Sequence[str]) -> np.ndarray:
    """Return attributes of samples as numbers.

    Args:
        samples: Samples.
        names: Names of features, or `diameter_mm`, for the logarithm of the diameter.

    Returns:
        `(N, A)` float64; NaN if unknown.
    """
    columns = []
    for name in names:
        if name == DIAMETER:
            column = [np.log(s.diameter_mm) if s.diameter_mm else np.nan for s in samples]
        else:
            column = [sample.features.get(name, np.nan) for sample in samples]
        columns.append(column)
    return np.array(columns, float).reshape(len(names), len(samples)).T


def standardise(attributes: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Scale attributes to mean 0 and standard deviation 1 over samples.

    Args:
        attributes: `(N, A)`, NaN if unknown.
        names: Names of the `A` attributes.

    Returns:
        `(N, A)` float32.

    Raises:
        InputError: An attribute is unknown in all samples, or the same in all.
    """
    for name, known in zip(names, ~np.isnan(attributes.T), strict=True):
        if not known.any():
            raise InputError(
                f"model.attributes: {name} is known for no training sample; name it in "
                "data.features, or take it out."
            )
    mean, deviation = np.nanmean(attributes, axis=0), np.nanstd(attributes, axis=0)
    for name, spread in zip(names, deviation, strict=True):
        if spread == 0:
            raise InputError(f"model.attributes: {name} is the same in all; take it out.")
    return ((attributes - mean) / deviation).astype(np.float32)


def nodule_table(samples: Sequence[Sample]) -> np.ndarray:
    """Return centres and diameters of the samples' nodules, as far as they are known.

    Returns:
        `(N, 5)` float64: the sample's index, never decreasing, the centre in RAS mm and the
        diameter in mm. All nodules of a scan that count, or else the sample's own.
    """
    rows = []
    for index, sample in enumerate(samples):
        nodules = [(n.center_mm, n.diameter_mm) for n in sample.nodules if n.counts]
        if not nodules and sample.center_mm is not None:
            nodules = [(sample.center_mm, sample.diameter_mm or 0)]
        rows += [(index, *center_mm, mm) for center_mm, mm in nodules if mm > 0]
    return np.array(rows, np.float64).reshape(-1, 5)


def nodule_share(table: np.ndarray, index: int, *, grid: Grid) -> np.ndarray:
    """Return a sample's nodules as balls on a grid.

    Args:
        table: From `nodule_table`.
        index: Index of the sample.
        grid: Grid of the network's input.

    Returns:
        `(W, H, D)` uint8: the share of each voxel that is nodule, in 255ths.
    """
    share = np.zeros(grid.shape, np.float32)
    first, last = np.searchsorted(table[:, 0], (index, index + 1))
    for _, *center_mm, diameter_mm in table[first:last]:
        np.maximum(share, ball_share(np.array(center_mm), diameter_mm, grid=grid), out=share)
    return np.rint(share * FULL_SHARE).astype(np.uint8)
