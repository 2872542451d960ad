"""The curves that figures show: ROC with its band, precision over recall."""

import numpy as np

from lungcam.metrics.cuts import cuts
from lungcam.metrics.resampling import bootstrap

# false positive rates at which the band is told
STEPS = np.linspace(0, 1, 101)


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates of false and of true positives at every cut-off, from (0, 0) to (1, 1).

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        scores: `(N,)`; equal scores are one cut-off.
    """
    positive, negative = cuts(labels, scores).groups(np.ones((1, len(labels))))
    false, true = (np.r_[0, one[0].cumsum() / one.sum()] for one in (negative, positive))
    return false, true


def roc_band(
    labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """95 % pointwise band of the true positive rate at `STEPS`, by resampling patients.

    Returns:
        Lower and upper bounds, `(101,)` each.
    """
    sorted_once = cuts(labels, scores)

    def of(weights: np.ndarray) -> np.ndarray:
        positive, negative = sorted_once.groups(weights)
        true = positive.cumsum(axis=1) / positive.sum(axis=1, keepdims=True)
        false = negative.cumsum(axis=1) / negative.sum(axis=1, keepdims=True)
        return np.stack(
            [np.interp(STEPS, np.r_[0, f], np.r_[0, t]) for f, t in zip(false, true, strict=True)]
        )

    low, high = np.percentile(bootstrap(labels, patients, of, seed), [2.5, 97.5], axis=0)
    return low, high


def precision_recall_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at every cut-off, the highest first.

    Args:
        labels: `(N,)` of 0 and 1, both of them.
        scores: `(N,)`; equal scores are one cut-off.

    Returns:
        Two arrays `(G,)`; steps between them, not lines, have the area of `average_precision`.
    """
    positive, negative = cuts(labels, scores).groups(np.ones((1, len(labels))))
    found = positive[0].cumsum()
    return found / found[-1], found / (found + negative[0].cumsum())


def wilson_interval(hits: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % score interval of shares (Wilson, 1927).

    Args:
        hits: `(B,)` counts.
        among: `(B,)` counts, above 0.
    """
    z = 1.959964
    share = hits / among
    center = (share + z**2 / (2 * among)) / (1 + z**2 / among)
    half = z * np.sqrt(share * (1 - share) / among + z**2 / (4 * among**2)) / (1 + z**2 / among)
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)
