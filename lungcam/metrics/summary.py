"""All figures of one split."""

from collections.abc import Mapping

import numpy as np

from lungcam.metrics.auc import auc, auc_interval
from lungcam.metrics.calibration import brier, expected_calibration_error
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
        probabilities: `(N,)` in [0, 1].
        patients: `(N,)` patient of each sample.
        threshold: Operating threshold, chosen elsewhere.
        baselines: Scores `(N,)` that need no network, such as the diameter; NaN where unknown.
        seed: Of the bootstrap.

    Returns:
        A dict for metrics.json; what cannot be computed is None.
    """
    low, high = auc_interval(labels, probabilities, patients, seed)
    figures: dict[str, object] = {
        "n": len(labels),
        "n_positive": int(labels.sum()),
        "auc": _known(auc(labels, probabilities)),
        "auc_ci95": [_known(low), _known(high)],
        **at_threshold(labels, probabilities, threshold),
        "brier": brier(labels, probabilities),
        "ece": expected_calibration_error(labels, probabilities),
        "threshold": threshold,
    }
    known = {name: ~np.isnan(scores) for name, scores in baselines.items()}
    figures["baselines"] = {
        f"auc_{name}": _known(auc(labels[known[name]], scores[known[name]]))
        for name, scores in baselines.items()
        if known[name].any()
    }
    return figures


def _known(value: float) -> float | None:
    """NaN has no place in JSON."""
    return None if np.isnan(value) else value
