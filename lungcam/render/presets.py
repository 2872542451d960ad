"""How the lungs are drawn, by name.

On the default window -850 HU is 50, -500 HU is 99, water is 170.
"""

from collections.abc import Callable

import numpy as np

from lungcam.render.histogram import otsu_ramp
from lungcam.render.transfer_functions import Curve, TransferFunctions

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
