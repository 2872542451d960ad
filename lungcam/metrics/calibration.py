"""Whether probabilities mean what they say."""

import numpy as np


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared difference of probability and label (Brier, 1950); 0 is best."""
    return float(np.mean((probabilities - labels) ** 2))


def expected_calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = 10
) -> float:
    """Mean difference of probability and frequency over bins of equal width (Naeini, 2015).

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1].
        bins: Number of bins; each weighs by how many samples it holds.
    """
    bin_of = np.minimum((probabilities * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, probabilities - labels, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))
