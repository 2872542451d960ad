"""A scan at several spacings, so that nodules of all sizes are of one size in voxels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.grid import Grid, reorient, resample
from lungcam.lungs.morphology import bounding_box
from lungcam.scans import Scan

SPACINGS_MM = (1.0, 2.0, 4.0, 8.0)
# around the searched region: what lies beyond is shown as air, in training as in a search
BORDER_MM = 8.0
# values that a nodule can have
LOW_HU, HIGH_HU = -1024, 2000
OUTSIDE_HU = -1000


@dataclass(frozen=True, eq=False, kw_only=True)
class Level:
    """A scan's searched region at one spacing.

    Attributes:
        hu: `(W, H, D)` int16 HU; air beyond the scan and beyond the region's box.
        searched: `(W, H, D)` bool, places that are searched.
        grid: Grid of both, along R, A and S of the scan.
    """

    hu: np.ndarray
    searched: np.ndarray
    grid: Grid

    @property
    def spacing_mm(self) -> float:
        """Side of a voxel."""
        return self.grid.spacing_mm[0]


def pyramid(
    scan: Scan, searched: np.ndarray, *, spacings_mm: Sequence[float] = SPACINGS_MM
) -> list[Level]:
    """Resample a scan to several spacings.

    Args:
        scan: The scan.
        searched: `(W, H, D)` bool on its canonical grid, not empty.
        spacings_mm: Spacings in mm, from the finest.
    """
    canonical = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, target=canonical)
    box = bounding_box(searched)
    levels = []
    source = canonical
    for spacing_mm in spacings_mm:
        grid = _grid(canonical.crop(box), spacing_mm)
        # coarser levels are averaged from the first, which is smaller than the scan
        hu = resample(hu, source, target=grid, outside=OUTSIDE_HU).clip(LOW_HU, HIGH_HU)
        source = grid
        share = resample(searched, canonical, target=grid, box=box)
        levels.append(Level(hu=np.rint(hu).astype(np.int16), searched=share > 0.5, grid=grid))
    return levels


def _grid(region: Grid, spacing_mm: float) -> Grid:
    """Return the grid of cubic voxels that covers a region with its border."""
    steps = np.array(region.spacing_mm)
    directions = region.affine[:3, :3] / steps
    length_mm = (np.array(region.shape) - 1) * steps + 2 * BORDER_MM
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing_mm
    affine[:3, 3] = region.affine[:3, 3] - directions @ np.full(3, BORDER_MM)
    return Grid(tuple(int(n) for n in np.ceil(length_mm / spacing_mm).astype(int) + 1), affine)
