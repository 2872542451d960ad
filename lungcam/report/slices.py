"""Slices of a scan and its heat-map through one point, as a reader of CT expects them."""

from dataclasses import dataclass

import numpy as np

from lungcam.explain import HeatMap
from lungcam.grid import Grid, resample

AIR_HU = -1024.0
# pixels along the longer side of a picture
PIXELS = 320
# the axis that a plane is normal to, and the axes along its columns and rows
PLANES = {"axial": (2, 0, 1), "coronal": (1, 0, 2)}


@dataclass(frozen=True, eq=False)
class Slice:
    """One plane.

    Attributes:
        hu: `(h, w)`; seen from the feet (axial) or from the front (coronal), so that the patient's
            right is on the left, and front or head at the top.
        heat: `(h, w)`, >= 0: what a signed map has below 0 is left out.
        lesion: Where the plane cuts a known lesion, as a ball: (x, y, radius) in pixels.
    """

    hu: np.ndarray
    heat: np.ndarray
    lesion: tuple[float, float, float] | None


def cut(
    hu: np.ndarray,
    scan: Grid,
    heat: HeatMap,
    box: Grid,
    point_mm: np.ndarray,
    plane: str,
    lesion: tuple[np.ndarray, float] | None = None,
) -> Slice:
    """Interpolate a plane of a scan and of its heat-map.

    Args:
        hu: `(W, H, D)` on `scan`.
        scan: With axes along right, front and head (RAS+).
        heat: Of the same scan.
        box: What the net was shown: the plane covers the part of it that lies in the scan.
        point_mm: RAS mm; the plane goes through it, or as near as the scan reaches.
        plane: A key of `PLANES`.
        lesion: Centre (RAS mm) and diameter in mm, where known.
    """
    normal, across, up = PLANES[plane]
    # along the scan's own axes, which an oblique scan has turned a little
    axes = scan.affine[:3, :3] / scan.spacing_mm
    (box_low, box_high), (low, high) = (
        np.sort(one.to_world(np.array([[0, 0, 0], np.array(one.shape) - 1])) @ axes, axis=0)
        for one in (box, scan)
    )
    low, high = np.maximum(low, box_low), np.minimum(high, box_high)
    step = max(high[across] - low[across], high[up] - low[up], 1.0) / (PIXELS - 1)
    shape = np.ones(3, int)
    # a net's input may reach beyond a crop, and its peak with it: the crop's last slice is shown
    start = np.clip(np.asarray(point_mm, float) @ axes, low, high)
    for axis in (across, up):
        shape[axis] = max(1, round((high[axis] - low[axis]) / step) + 1)
        start[axis] = low[axis]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * step, axes @ start
    here = Grid(tuple(int(n) for n in shape), affine)

    def picture(values: np.ndarray) -> np.ndarray:
        # (across, up) to rows from the top; the patient's right on the left
        return np.squeeze(values, normal).T[::-1, ::-1]

    ball = None
    if lesion is not None:
        center, radius = here.to_index(np.asarray(lesion[0])), lesion[1] / 2
        off = abs(center[normal]) * step
        if off < radius:
            # both are counted from the other side in the picture
            x, y = shape[across] - 1 - center[across], shape[up] - 1 - center[up]
            ball = (float(x), float(y), float(np.sqrt(radius**2 - off**2) / step))
    return Slice(picture(resample(hu, scan, here, AIR_HU)), picture(heat.on(here).clip(0)), ball)
