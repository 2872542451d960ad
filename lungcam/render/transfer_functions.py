"""What is drawn in which colour and how densely, as plain tables.

Tables are on the 0-255 display scale. A row of an opacity table is (value, opacity for one
millimetre of path), of a gradient table (change of value from voxel to voxel, factor on the
opacity), of a colour table (value, red, green, blue); opacities, factors and colours run from 0 to
1. Between rows everything is linear, beyond the ends constant.
"""

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
