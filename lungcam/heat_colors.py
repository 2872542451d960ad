"""Colours of heat-maps, the same on slices, volumes, pictures and figures.

Tables run from 0 to 255, where 255 is the map's peak; colours run from 0 to 1.
"""

import numpy as np

Curve = tuple[tuple[float, float], ...]
Colors = tuple[tuple[float, float, float, float], ...]

HEAT_FLOOR = 0.2
"""Share of its peak below which the heat-map is not drawn, because it would fog the picture."""

FIRE = "fire"
FIRE_COLORS = (
    (0, 0.40, 0.0, 0.10),
    (255 * HEAT_FLOOR, 0.60, 0.0, 0.10),
    (115, 0.90, 0.18, 0.05),
    (180, 1.0, 0.55, 0.08),
    (255, 1.0, 0.95, 0.60),
)
# over slices: opacity where the colours begin, and share of the peak from which they hide the scan
START, FULL = 0.25, 0.75
# rows taken from a colour map of matplotlib, which is smooth between them
COLORMAP_ROWS = 17


def interpolate_table(table: Curve | Colors, values: np.ndarray) -> np.ndarray:
    """Interpolate a table linearly between its rows.

    Args:
        table: Curve or colours.
        values: `(N,)` on the table's scale.

    Returns:
        `(N,)` for a curve, `(N, 3)` for colours.
    """
    rows = np.asarray(table, dtype=float)
    columns = [np.interp(values, rows[:, 0], column) for column in rows[:, 1:].T]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def is_colormap(name: str) -> bool:
    """Return True if the heat-map can be drawn in colours of this name."""
    if name == FIRE:
        return True
    import matplotlib  # late: it is slow to import, and the default colours do not need it

    return name in matplotlib.colormaps


def heat_colors(name: str) -> Colors:
    """Return the colours from 0 to 255 of 'fire' or of a colour map of matplotlib.

    Raises:
        KeyError: If there is no such name.
    """
    if name == FIRE:
        return FIRE_COLORS
    import matplotlib

    shares = np.linspace(0, 1, COLORMAP_ROWS)
    colors = matplotlib.colormaps[name](shares)[:, :3]
    return tuple(
        (float(255 * share), *map(float, color))
        for share, color in zip(shares, colors, strict=True)
    )


def slice_colors(name: str = FIRE) -> np.ndarray:
    """Return what is drawn over a slice for shares of the peak: `(256, 4)`, with the opacity.

    Nothing is drawn below `HEAT_FLOOR`, as in pictures; there the colours begin visibly, so that
    the edge of a spot is that of a fifth of the peak.

    Raises:
        KeyError: If there are no colours of that name.
    """
    values = np.arange(256)
    rising = (values / 255 - HEAT_FLOOR) / (FULL - HEAT_FLOOR)
    opacity = np.where(rising < 0, 0, np.clip(START + (1 - START) * rising, 0, 1))
    return np.column_stack([interpolate_table(heat_colors(name), values), opacity])
