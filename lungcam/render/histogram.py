"""The lungs' intensities on the display scale: their histogram, and the valley between its modes."""

from dataclasses import dataclass

import numpy as np

from lungcam.render.display import to_display

BINS = 256
FIRST_MODE, SECOND_MODE = (5, 80), (120, 200)
"""Where aerated tissue lies as a rule, and vessels and nodules, on the display scale."""

MIDWAY = (FIRST_MODE[1] + SECOND_MODE[0]) / 2
HALF_RAMP = (SECOND_MODE[0] - FIRST_MODE[1]) / 2


@dataclass(frozen=True)
class Ramp:
    """A linear ramp of opacity across Otsu's threshold.

    Attributes:
        threshold: Highest value of the first mode.
        low: Where the ramp leaves 0.
        high: Where it reaches 1.
    """

    threshold: float
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

    It is as wide as the gap between where the modes lie as a rule, 40 steps, with Otsu's threshold
    in its middle.

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
    return Ramp(threshold, max(0.0, threshold - HALF_RAMP), min(255.0, threshold + HALF_RAMP))
