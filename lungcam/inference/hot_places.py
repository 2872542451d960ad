"""Hottest places of a heat-map: where in the lungs they lie, what is there, and their size."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from lungcam.explain import HeatMap, peaks
from lungcam.grid import Grid, reorient
from lungcam.lungs.location import LungLocation, locate
from lungcam.lungs.morphology import bounding_box
from lungcam.scans import Scan

MOST = 5
# peaks below this share of the highest are not drawn either
LEAST_SHARE = 0.2
# around a place, over which the tissue is averaged
SPHERE_MM = 4.0
# share of its own height at which a place ends
EDGE = 0.5
# spacing on which the lungs are closed over the vessels in them, and how far
COARSE_MM, CLOSED_MM = 2.5, 7.5


@dataclass(frozen=True, kw_only=True)
class HotPlace:
    """Place of high heat.

    Attributes:
        center_mm: The peak in RAS mm.
        value: Height of the peak, in the map's unit.
        share: Share of the highest peak.
        mean_hu: Mean of the scan within 4 mm, in HU.
        diameter_mm: Diameter of the ball with the volume that lies above half the place's height.
        location: Where in the lungs it lies; None without a mask of them.
    """

    center_mm: tuple[float, float, float]
    value: float
    share: float
    mean_hu: float
    diameter_mm: float
    location: LungLocation | None

    def as_record(self) -> dict[str, Any]:
        """Return it as prediction.json holds it."""
        place = {} if self.location is None else asdict(self.location)
        return {
            "center_ras_mm": [round(x, 2) for x in self.center_mm],
            "value": self.value,
            "share": round(self.share, 3),
            "mean_hu": round(self.mean_hu),
            "diameter_mm": round(self.diameter_mm, 1),
            **{
                name: round(value, 1) if isinstance(value, float) else value
                for name, value in place.items()
            },
        }


def hot_places(
    heat: HeatMap, scan: Scan, *, masks: Mapping[str, np.ndarray], most: int = MOST
) -> list[HotPlace]:
    """Find the hottest places, the hottest first.

    Args:
        heat: Heat-map; only values above 0 count.
        scan: The scan.
        masks: With `lungs`, `(W, H, D)` bool on its canonical grid; empty for a crop.
        most: Greatest number of places.
    """
    values = np.nan_to_num(heat.values, posinf=0.0, neginf=0.0)
    points, heights = peaks(values, heat.cells, max_peaks=most)
    if not len(points):
        return []
    canonical = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, target=canonical)
    lungs = _coarse_lungs(masks["lungs"], canonical) if "lungs" in masks else None
    return [
        HotPlace(
            center_mm=tuple(map(float, point)),
            value=float(height),
            share=float(height / heights[0]),
            mean_hu=_mean_hu(hu, canonical, point),
            diameter_mm=_diameter(values, heat.cells, point=point, height=height),
            location=None if lungs is None else lungs.locate(point),
        )
        for point, height in zip(points, heights, strict=True)
        if height >= LEAST_SHARE * heights[0]
    ]


@dataclass(frozen=True, eq=False)
class _Lungs:
    """Lungs on a coarse grid, as they are and closed over what lies in them."""

    grid: Grid
    lungs: np.ndarray
    closed: np.ndarray

    def locate(self, point: np.ndarray) -> LungLocation:
        return locate(point, self.grid, lungs=self.lungs, closed=self.closed)


def _coarse_lungs(lungs: np.ndarray, grid: Grid) -> _Lungs:
    steps = [max(1, round(COARSE_MM / mm)) for mm in grid.spacing_mm]
    box = bounding_box(lungs)
    coarse = lungs[
        tuple(slice(side.start, side.stop, step) for side, step in zip(box, steps, strict=True))
    ]
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world([side.start for side in box])
    affine[:3, :3] = affine[:3, :3] * steps
    cells = Grid(coarse.shape, affine)
    # both steps of a closing by distances, which hold for voxels of any shape
    padding = [int(np.ceil(CLOSED_MM / mm)) + 1 for mm in cells.spacing_mm]
    padded = np.pad(coarse, [(n, n) for n in padding])
    near = ndimage.distance_transform_edt(~padded, sampling=cells.spacing_mm) <= CLOSED_MM
    closed = ndimage.distance_transform_edt(near, sampling=cells.spacing_mm) > CLOSED_MM
    inner = tuple(slice(n, n + size) for n, size in zip(padding, coarse.shape, strict=True))
    return _Lungs(cells, coarse, closed[inner] | coarse)


def _mean_hu(hu: np.ndarray, grid: Grid, point: np.ndarray) -> float:
    """Return the mean of the scan in a small ball; that of the nearest voxel if it holds none."""
    spacing = np.array(grid.spacing_mm)
    index = np.clip(grid.to_index(point), 0, np.array(hu.shape) - 1)
    low = np.maximum(np.floor(index - SPHERE_MM / spacing), 0).astype(int)
    high = np.minimum(np.ceil(index + SPHERE_MM / spacing) + 1, hu.shape).astype(int)
    part = hu[tuple(map(slice, low, high))]
    offsets = np.moveaxis(np.indices(part.shape), 0, -1) + low - index
    inside = np.linalg.norm(offsets * spacing, axis=-1) <= SPHERE_MM
    if not inside.any():
        return float(hu[tuple(np.rint(index).astype(int))])
    return float(part[inside].mean())


def _diameter(values: np.ndarray, cells: Grid, *, point: np.ndarray, height: float) -> float:
    groups, _ = ndimage.label(values >= EDGE * height)
    index = np.clip(np.rint(cells.to_index(point)), 0, np.array(values.shape) - 1).astype(int)
    group = groups[tuple(index)]
    count = 1 if group == 0 else int((groups == group).sum())
    volume_mm3 = count * float(np.prod(cells.spacing_mm))
    return float((6 * volume_mm3 / np.pi) ** (1 / 3))
