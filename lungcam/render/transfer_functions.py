"""What is drawn in which colour and how densely, as plain tables.

Tables are on the 0-255 display scale. A row of an opacity table is (value, opacity for one
millimetre of path), of a gradient table (change of value from voxel to voxel, factor on the
opacity), of a colour table (value, red, green, blue); opacities, factors and colours run from 0 to
1. Between rows everything is linear, beyond the ends constant.

Colours of the heat-map by name.

The 0-255 display scale. For pictures only: no number that is reported passes through it.

The lungs' intensities on the display scale, and the valley between their modes.

How the lungs are drawn, by name.

On the default window -850 HU is 50, -500 HU is 99, water is 170.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Curve = tuple[tuple[float, float], ...]
Colors = tuple[tuple[float, float, float, float], ...]


class TransferFunctions(NamedTuple):
    """How one component of the volume is drawn. `gradient` None: evenly, whatever the slope."""

    opacity: Curve
    color: Colors
    gradient: Curve | None = None


def at(table: Curve | Colors, values: np.ndarray) -> np.ndarray:
    """Read a table between its rows.

    Args:
        table: A curve or colours.
        values: `(N,)` on the table's scale.

    Returns:
        `(N,)` of a curve, `(N, 3)` of colours.
    """
    rows = np.asarray(table, dtype=float)
    columns = [np.interp(values, rows[:, 0], column) for column in rows[:, 1:].T]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


FIRE = "fire"
HEAT_FLOOR = 0.2
"""Share of its peak below which the heat-map is not drawn, or the picture would be fogged."""

HEAT_OPACITY = ((0, 0.0), (255 * HEAT_FLOOR, 0.0), (110, 0.08), (180, 0.3), (255, 0.7))
FIRE_COLORS = (
    (0, 0.40, 0.0, 0.10),
    (255 * HEAT_FLOOR, 0.60, 0.0, 0.10),
    (115, 0.90, 0.18, 0.05),
    (180, 1.0, 0.55, 0.08),
    (255, 1.0, 0.95, 0.60),
)
# matplotlib's maps are smooth between so many steps
STEPS = 17


def is_colormap(name: str) -> bool:
    """Whether there are colours of that name."""
    if name == FIRE:
        return True
    import matplotlib  # late: it takes a while, and most pictures do without

    return name in matplotlib.colormaps


def heat_colors(name: str) -> Colors:
    """Colours from 0 to 255, by the name 'fire' or one of matplotlib's.

    Raises:
        KeyError: If there is no such name.
    """
    if name == FIRE:
        return FIRE_COLORS
    import matplotlib

    shares = np.linspace(0, 1, STEPS)
    colors = matplotlib.colormaps[name](shares)[:, :3]
    return tuple(
        (float(255 * share), *map(float, color))
        for share, color in zip(shares, colors, strict=True)
    )


def heat_functions(name: str) -> TransferFunctions:
    """How the heat-map is drawn, as a share of its peak from 0 to 255.

    Raises:
        KeyError: If there are no colours of that name.
    """
    return TransferFunctions(HEAT_OPACITY, heat_colors(name))


AIR_TO_SOFT_TISSUE_HU = (-1200.0, 600.0)


def to_display(
    hu: np.ndarray,
    low: float = AIR_TO_SOFT_TISSUE_HU[0],
    *,
    high: float = AIR_TO_SOFT_TISSUE_HU[1],
) -> np.ndarray:
    """Map a window of Hounsfield units linearly to 0-255.

    Args:
        hu: Array of any shape, in HU.
        low: HU shown as 0; everything below is 0 too.
        high: HU shown as 255; everything above is 255 too.

    Returns:
        Array of the same shape, uint8, rounded to the nearest step.

    Raises:
        ValueError: If `low` is not below `high`.
    """
    if not low < high:
        raise ValueError(f"The display window must rise, but low is {low} HU and high {high} HU.")
    scaled = (np.asarray(hu, dtype=np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(scaled.clip(0, 255, out=scaled), out=scaled).astype(np.uint8)


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


COLORS = (
    (0, 0.35, 0.55, 0.75),
    (60, 0.45, 0.65, 0.85),
    (110, 0.80, 0.80, 0.85),
    (170, 1.0, 0.93, 0.88),
    (255, 1.0, 1.0, 1.0),
)

# a fog through which one still sees across a chest
LINEAR = TransferFunctions(((0, 0.0), (255, 0.05)), COLORS)

# Lung tissue itself stays all but clear; what is drawn is where it ends: faintly at the pleura,
# densely at vessels and nodules.
GRADIENT = TransferFunctions(
    opacity=((0, 0.0), (20, 0.0), (40, 0.04), (80, 0.05), (115, 0.25), (170, 0.8), (255, 0.9)),
    color=COLORS,
    gradient=((0, 0.0), (4, 0.02), (14, 0.5), (35, 1.0)),
)

# a band of soft tissue, and its edges
CLASSIC = TransferFunctions(
    opacity=((0, 0.0), (150, 0.05), (180, 1.0), (210, 0.1), (255, 0.001)),
    color=COLORS,
    gradient=((1, 0.0), (5, 0.1), (50, 1.0)),
)


def otsu(histogram: np.ndarray) -> TransferFunctions:
    """Make the first mode of the lungs' histogram transparent and the second opaque."""
    ramp = otsu_ramp(histogram)
    opacity: Curve = ((ramp.low, 0.0), (ramp.high, 1.0))
    return TransferFunctions(opacity, COLORS)


PRESETS: dict[str, Callable[[np.ndarray], TransferFunctions]] = {
    "linear": lambda _: LINEAR,
    "gradient": lambda _: GRADIENT,
    "otsu": otsu,
    "classic": lambda _: CLASSIC,
}
"""Functions of the lungs' histogram, `(256,)` counts as `lungs_histogram` makes them."""
