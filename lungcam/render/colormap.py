"""Colours of the heat-map by name."""

import numpy as np

from lungcam.render.transfer_functions import Colors, TransferFunctions

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
