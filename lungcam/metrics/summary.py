"""All figures of one split."""

from collections.abc import Mapping

import numpy as np

from lungcam.metrics.calibration import brier, expected_calibration_error
from lungcam.metrics.ranking import ranking
from lungcam.metrics.threshold import at_threshold


def summarise(
    labels: np.ndarray,
    probabilities: np.ndarray,
    patients: np.ndarray,
    threshold: float,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Compute a split's figures from its pooled predictions.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1], calibrated where they can be.
        patients: `(N,)` patient of each sample.
        threshold: Operating threshold on these probabilities, chosen elsewhere.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Of the bootstrap.

    Returns:
        A dict for metrics.json, as of `ranking`, with the figures at the threshold and those of
        the calibration.
    """
    return {
        **ranking(labels, probabilities, patients, baselines, seed),
        **at_threshold(labels, probabilities, threshold),
        "brier": brier(labels, probabilities),
        "ece": expected_calibration_error(labels, probabilities),
        "threshold": threshold,
    }
