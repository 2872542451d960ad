"""Transfer functions: the colour and opacity of each value of the lungs and of the heat-map.

They are plain tables on the display scale from 0 to 255, which serves pictures only: no number
that is reported passes through it. A row of an opacity table is (value, opacity for one millimetre
of path), of a gradient table (change of value from voxel to voxel, factor on the opacity), of a
colour table (value, red, green, blue); opacities, factors and colours run from 0 to 1. Tables are
linear between rows and constant beyond the ends.

In the default display window -850 HU is 50, -500 HU is 99 and water is 170.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lungcam.heat_colors import HEAT_FLOOR, Colors, Curve, heat_colors
from lungcam.lungs.morphology import in_memory_order

AIR_TO_SOFT_TISSUE_HU = (-1200.0, 600.0)
BINS = 256

FIRST_MODE, SECOND_MODE = (5, 80), (120, 200)
"""Typical display values of aerated tissue, and of vessels and nodules."""

MODE_MIDPOINT = (FIRST_MODE[1] + SECOND_MODE[0]) / 2
MIN_RAMP_WIDTH = 20.0
"""Smallest width of the opacity ramp; a narrower one draws ragged edges."""

HEAT_OPACITY = ((0, 0.0), (255 * HEAT_FLOOR, 0.0), (110, 0.08), (180, 0.3), (255, 0.7))


class TransferFunctions(NamedTuple):
    """Transfer functions of one component of the volume.

    Attributes:
        opacity: Opacity by value.
        color: Colour by value.
        gradient: Factor on the opacity by gradient, or None for none.
        shell: Value that the surface of the lungs gets, where nothing dense lies at it, so that
            its outline can be seen; None for the tissue's own.
    """

    opacity: Curve
    color: Colors
    gradient: Curve | None = None
    shell: float | None = None


@dataclass(frozen=True)
class Ramp:
    """Linear ramp of opacity above Otsu's threshold.

    Attributes:
        low: Otsu's threshold, the highest value of the first mode; the opacity is 0 up to here.
        high: Value from which the opacity is 1.
    """

    low: float
    high: float


def to_display(
    hu: np.ndarray,
    low: float = AIR_TO_SOFT_TISSUE_HU[0],
    *,
    high: float = AIR_TO_SOFT_TISSUE_HU[1],
) -> np.ndarray:
    """Map a window of Hounsfield units linearly to 0-255.

    Args:
        hu: Array of any shape, in HU.
        low: HU shown as 0; lower values are 0 too.
        high: HU shown as 255; higher values are 255 too.

    Returns:
        Array of the same shape, uint8, rounded to the nearest step.

    Raises:
        ValueError: If `low` is not below `high`.
    """
    if not low < high:
        raise ValueError(f"The display window must rise, but low is {low} HU and high {high} HU.")
    scaled = (np.asarray(hu, dtype=np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(scaled.clip(0, 255, out=scaled), out=scaled).astype(np.uint8)


def lungs_histogram(hu: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Count the lungs' voxels of each value on the display scale.

    Args:
        hu: `(W, H, D)` in HU.
        lungs: `(W, H, D)` bool.

    Returns:
        `(256,)` counts.
    """
    inside = in_memory_order(hu)[in_memory_order(lungs, hu)]
    return np.bincount(to_display(inside), minlength=BINS)


def otsu_ramp(histogram: np.ndarray) -> Ramp:
    """Find the ramp that makes the first of two modes transparent and the second opaque.

    The ramp leaves 0 at Otsu's threshold. It reaches 1 where the second mode typically begins, or
    a little above the threshold if that is higher.

    Args:
        histogram: `(256,)` counts; if fewer than two values occur, the threshold is midway
            between the typical modes.

    Source: N. Otsu, A threshold selection method from gray-level histograms, 1979, as implemented
    by scikit-image.
    """
    if np.count_nonzero(histogram) < 2:
        threshold = MODE_MIDPOINT
    else:
        from skimage.filters import threshold_otsu  # late: it loads half of scipy

        threshold = float(threshold_otsu(hist=(histogram, np.arange(BINS))))
    return Ramp(threshold, max(SECOND_MODE[0], threshold + MIN_RAMP_WIDTH))


def heat_functions(name: str) -> TransferFunctions:
    """Return the transfer functions of the heat-map, with 255 at its peak.

    Raises:
        KeyError: If there are no colours of that name.
    """
    return TransferFunctions(HEAT_OPACITY, heat_colors(name))


LUNG_COLORS = (
    (0, 0.35, 0.55, 0.75),
    (60, 0.45, 0.65, 0.85),
    (110, 0.80, 0.80, 0.85),
    (170, 1.0, 0.93, 0.88),
    (255, 1.0, 1.0, 1.0),
)

# a fog thin enough to see across the chest
LINEAR = TransferFunctions(((0, 0.0), (255, 0.05)), LUNG_COLORS)

# Lung tissue itself stays almost transparent; its borders are drawn, faintly at the pleura and
# densely at vessels and nodules.
GRADIENT = TransferFunctions(
    opacity=((0, 0.0), (20, 0.0), (40, 0.04), (80, 0.05), (115, 0.25), (170, 0.8), (255, 0.9)),
    color=LUNG_COLORS,
    gradient=((0, 0.0), (4, 0.02), (14, 0.5), (35, 1.0)),
)

# soft tissue and its edges
CLASSIC = TransferFunctions(
    opacity=((0, 0.0), (150, 0.05), (180, 1.0), (210, 0.1), (255, 0.001)),
    color=LUNG_COLORS,
    gradient=((1, 0.0), (5, 0.1), (50, 1.0)),
)


# values between which the lungs' surface is drawn, below those of aerated lung, and how faintly
SHELL_VALUES, SHELL_OPACITY = (4.0, 14.0), 0.03


def otsu(histogram: np.ndarray) -> TransferFunctions:
    """Make the first mode of the lungs' histogram transparent and the second opaque.

    A faint surface keeps the outline of the lungs.
    """
    ramp = otsu_ramp(histogram)
    (low, high), faint = SHELL_VALUES, SHELL_OPACITY
    surface = ((0.0, 0.0), (low, faint), (high, faint), (high + low, 0.0))
    opacity: Curve = (*surface, (max(ramp.low, high + low + 1), 0.0), (ramp.high, 1.0))
    return TransferFunctions(opacity, LUNG_COLORS, shell=(low + high) / 2)


PRESETS: dict[str, Callable[[np.ndarray], TransferFunctions]] = {
    "linear": lambda _: LINEAR,
    "gradient": lambda _: GRADIENT,
    "otsu": otsu,
    "classic": lambda _: CLASSIC,
}
"""Transfer functions of the lungs by name, from their histogram: `(256,)` counts."""
