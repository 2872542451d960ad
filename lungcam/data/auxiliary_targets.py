"""What is known of samples beside their label, as numbers to learn from."""

from collections.abc import Sequence

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError

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
