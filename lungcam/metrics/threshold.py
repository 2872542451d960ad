"""The operating threshold and what comes of it."""

import numpy as np


def youden_threshold(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Threshold with the greatest sensitivity + specificity (Youden, 1950).

    It lies midway between two neighbouring scores; of several equally good ones the middle one is
    taken. To be chosen on validation samples, never on the test's.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1].

    Returns:
        The threshold; 0.5 where one class is missing.
    """
    if labels.min() == labels.max():
        return 0.5
    scores = np.unique(probabilities)
    if len(scores) == 1:
        return 0.5
    candidates = (scores[1:] + scores[:-1]) / 2
    called = probabilities[None] >= candidates[:, None]
    sensitivity = called[:, labels == 1].mean(axis=1)
    specificity = 1 - called[:, labels == 0].mean(axis=1)
    index = sensitivity + specificity
    best = np.flatnonzero(np.isclose(index, index.max()))
    return float(candidates[best[(len(best) - 1) // 2]])


def at_threshold(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, float | None]:
    """Accuracy, precision, recall (sensitivity) and specificity of calling `p >= threshold`.

    A ratio without a denominator is None.
    """
    called = probabilities >= threshold
    true = labels == 1

    def share(hits: np.ndarray, among: np.ndarray) -> float | None:
        return float(np.mean(hits[among])) if among.any() else None

    return {
        "accuracy": float(np.mean(called == true)),
        "precision": share(true, called),
        "recall": share(called, true),
        "specificity": share(~called, ~true),
    }
