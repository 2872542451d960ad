"""The lungs' intensities on the display scale, and the valley between their modes."""

from dataclasses import dataclass

import numpy as np

from lungcam.render.display import to_display

BINS = 256
FIRST_MODE, SECOND_MODE = (5, 80), (120, 200)
"""Where aerated tissue lies as a rule, and vessels and nodules, on the display scale."""

MIDWAY = (FIRST_MODE[1] + SECOND_MODE[0]) / 2
LEAST_RAMP = 20.0
"""Least width of the ramp, which keeps edges from being torn."""


@dataclass(frozen=True)
class Ramp:
    """A linear ramp of opacity above Otsu's threshold.

    Attributes:
        low: The threshold, the highest value of the first mode: there the ramp leaves 0.
        high: Where it reaches 1.
    """

    low: float
    high: float


def lungs_histogram(hu: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Count the lungs' voxels of each value on the display scale.

    Args:
        hu: `(W, H, D)` in HU.
        lungs: `(W, H, D)` bool.

    Returns:
        `(256,)` counts.
    """
    return np.bincount(to_display(hu[lungs]), minlength=BINS)


def otsu_ramp(histogram: np.ndarray) -> Ramp:
    """Find the ramp that makes the first of two modes transparent and the second opaque.

    It leaves 0 at Otsu's threshold, and reaches 1 where the second mode begins as a rule, or a
    little above the threshold where that is higher.

    Args:
        histogram: `(256,)` counts; where fewer than two values occur, the threshold is midway
            between the modes.

    Source: N. Otsu, A threshold selection method from gray-level histograms, 1979, as scikit-image
    computes it.
    """
    if np.count_nonzero(histogram) < 2:
        threshold = MIDWAY
    else:
        from skimage.filters import threshold_otsu  # late: it loads half of scipy

        threshold = float(threshold_otsu(hist=(histogram, np.arange(BINS))))
    return Ramp(threshold, max(SECOND_MODE[0], threshold + LEAST_RAMP))
