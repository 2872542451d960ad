"""Place of a point in the lungs, in words: side, third, and distance to the pleura."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from lungcam.grid import Grid

THIRDS = ("lower", "middle", "upper")
# around a point, in which the nearest wall is looked for
REACH_MM = 60.0


@dataclass(frozen=True)
class LungLocation:
    """Place of a point in the lungs.

    Attributes:
        side: `left` or `right`.
        third: `upper`, `middle` or `lower` third of the lung's height.
        pleura_mm: Distance to the nearest place outside the lungs, 0 beyond them; `REACH_MM` where
            it is further.
    """

    side: str
    third: str
    pleura_mm: float

    def __str__(self) -> str:
        return f"{self.side} lung, {self.third} third, {self.pleura_mm:.0f} mm to the pleura"


def locate(
    point_mm: np.ndarray, grid: Grid, *, lungs: np.ndarray, closed: np.ndarray
) -> LungLocation:
    """Return the place of a point.

    The sides meet in the middle between the outermost voxels of the lungs, and the thirds are those
    of the height of the lung on the point's side.

    Args:
        point_mm: `(3,)` RAS mm.
        grid: Canonical grid of the masks.
        lungs: `(W, H, D)` bool, not empty.
        closed: `(W, H, D)` bool, the lungs with the vessels and lesions in them and at their wall.
    """
    index = grid.to_index(point_mm)
    columns = np.flatnonzero(lungs.any(axis=(1, 2)))
    middle = (columns[0] + columns[-1]) / 2
    # the first axis points to the patient's right
    is_right = index[0] > middle
    half = lungs[int(np.ceil(middle)) :] if is_right else lungs[: int(middle) + 1]
    slices = np.flatnonzero(half.any(axis=(0, 1)))
    low, high = (slices[0], slices[-1] + 1) if len(slices) else (0, lungs.shape[2])
    height = (index[2] - low) / (high - low)
    return LungLocation(
        side="right" if is_right else "left",
        third=THIRDS[int(np.clip(height * 3, 0, 2))],
        pleura_mm=_depth(index, grid, closed=closed),
    )


def _depth(index: np.ndarray, grid: Grid, *, closed: np.ndarray) -> float:
    """Return the distance of a place to the nearest one outside a mask, in mm."""
    reach = np.ceil(REACH_MM / np.array(grid.spacing_mm))
    size = np.array(closed.shape)
    nearest = np.clip(np.rint(index), 0, size - 1).astype(int)
    low = np.maximum(nearest - reach, 0).astype(int)
    high = np.minimum(nearest + reach + 1, size).astype(int)
    part = closed[tuple(map(slice, low, high))]
    if part.all():
        return REACH_MM
    steps = np.maximum(1, np.rint(2 / np.array(grid.spacing_mm))).astype(int)
    # every second millimetre is enough
    coarse = part[
        tuple(
            slice(int(start % step), None, int(step))
            for start, step in zip(nearest - low, steps, strict=True)
        )
    ]
    depth = distance_transform_edt(coarse, sampling=np.array(grid.spacing_mm) * steps)
    return float(min(depth[tuple((nearest - low) // steps)], REACH_MM))
