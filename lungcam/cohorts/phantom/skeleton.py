"""Ribs, spine, sternum and shoulder blades, laid over a slab of slices."""

import numpy as np

from lungcam.cohorts.phantom.chest import (
    Chest,
    ellipse_distance,
    spine_center,
)
from lungcam.cohorts.phantom.scan import Grid, blend, coverage

CORTEX_HU, MARROW_HU, CARTILAGE_HU, DISC_HU = 650, 230, 90, 85
RIB_STEP_MM, VERTEBRA_MM = 27.0, 25.0


def lay_ribs(
    hu: np.ndarray, chest: Chest, grid: Grid, z: np.ndarray, wall: np.ndarray, center_x: np.ndarray
) -> None:
    """Lay ribs in the shell outside the cavity: bands that fall from the spine to the front.

    Args:
        hu: Slab in HU, shape `(n, H, W)`, changed in place.
        chest: The person's proportions.
        grid: The scan's grid.
        z: Levels in mm, shape `(n, 1, 1)`.
        wall: Distance in mm to the chest wall, shape `(n, H, W)`.
        center_x: Centre of each side's cross-section in mm, shape `(n, 1, 1)`.
    """
    y = grid.y[None, :, None]
    forward = (chest.depth - y) / (2 * chest.depth)
    course = z + 78 * forward
    apart = np.mod(course, RIB_STEP_MM) - RIB_STEP_MM / 2
    distance = np.square((wall - np.float32(6)) / np.float32(4))
    distance += np.square(apart / 7)
    np.sqrt(distance, out=distance)
    distance -= 1
    distance *= 4
    width = np.hypot(grid.spacing[0], 0.3 * grid.spacing[2])
    # towards the apex the shell also runs between lung and spine, where no rib is
    beside = np.clip((np.abs(grid.x)[None, None, :] - center_x) / 5, 0, 1)
    bony = np.clip((y + 0.68 * chest.depth) / 10 + 0.5, 0, 1)
    share = coverage(distance, width)
    share *= beside
    blend(hu, CARTILAGE_HU + bony * (CORTEX_HU - CARTILAGE_HU), share)
    share = coverage(distance + np.float32(1.7), width)
    share *= beside
    blend(hu, CARTILAGE_HU + bony * (MARROW_HU - CARTILAGE_HU), share)


def lay_spine(hu: np.ndarray, chest: Chest, grid: Grid, z: np.ndarray) -> None:
    """Lay vertebrae and discs, the canal, transverse and spinous processes over a slab in place.

    Args:
        hu: Slab in HU, shape `(n, H, W)`.
        chest: The person's proportions.
        grid: The scan's grid.
        z: Levels in mm, shape `(n, 1, 1)`.
    """
    pixel = grid.spacing[0]
    columns = slice(*np.searchsorted(grid.x, (-52, 52)))
    rows = slice(*np.searchsorted(grid.y, (20, chest.back)))
    patch = hu[:, rows, columns]
    x = grid.x[None, None, columns]
    y = grid.y[None, rows, None] - spine_center(chest, z).astype(np.float32)
    phase = np.abs(np.mod(z, VERTEBRA_MM) - VERTEBRA_MM / 2)
    disc = np.clip((phase - 9.5) / max(1.0, grid.spacing[2]) + 0.5, 0, 1)
    arch = np.clip((8 - phase) / max(2.0, grid.spacing[2]) + 0.5, 0, 1)
    spinous = np.maximum(np.abs(x) - 3.2, np.abs(y - 42) - 14)
    blend(patch, CORTEX_HU * 0.7, coverage(spinous, pixel) * (0.35 + 0.65 * arch))
    sweep = y - 20 - 0.25 * np.abs(x)
    transverse = np.maximum(np.abs(sweep) - 4, np.abs(x) - 34)
    blend(patch, CORTEX_HU * 0.6, coverage(transverse, pixel) * arch)
    ring = ellipse_distance(x, y - 23, 14.5, 12.5)
    blend(patch, CORTEX_HU, coverage(np.abs(ring) - 2, pixel) * (0.3 + 0.7 * arch))
    blend(patch, 30, coverage(ring + 3, pixel))
    body = ellipse_distance(x, y, 18.5, 14.5, 0.3)
    blend(patch, CORTEX_HU * (1 - disc) + DISC_HU * disc, coverage(body, pixel))
    blend(patch, MARROW_HU * (1 - disc) + DISC_HU * disc, coverage(body + 2.2, pixel))


def lay_sternum(hu: np.ndarray, chest: Chest, grid: Grid, z: np.ndarray, front: np.ndarray) -> None:
    """Lay the sternum behind the skin's foremost points `front` (mm, `(n, 1, 1)`) in place."""
    pixel = grid.spacing[0]
    columns = slice(*np.searchsorted(grid.x, (-34, 34)))
    rows = slice(*np.searchsorted(grid.y, (-chest.back - 10, -30)))
    patch = hu[:, rows, columns]
    rise = z / chest.height
    along = np.clip((0.9 - rise) / 0.03, 0, 1) * np.clip((rise - 0.34) / 0.03, 0, 1)
    center = front + chest.fat + 11
    half_width = 14 + 10 * np.clip((rise - 0.72) / 0.1, 0, 1)
    distance = ellipse_distance(
        grid.x[None, None, columns], grid.y[None, rows, None] - center, half_width, 6.0, 0.4
    )
    blend(patch, CORTEX_HU * 0.8, coverage(distance, pixel) * along)
    blend(patch, MARROW_HU * 0.7, coverage(distance + 2, pixel) * along)


def lay_shoulder_blades(
    hu: np.ndarray, chest: Chest, grid: Grid, z: np.ndarray, wall: np.ndarray
) -> None:
    """Lay the shoulder blades: plates in the muscle behind the upper ribs, in place."""
    rise = (z / chest.height).astype(np.float32)
    if rise.max() < 0.5:
        return
    inner = 58 + 10 * np.clip((0.75 - rise) / 0.2, 0, 1)
    outer = np.clip(62 + 190 * (rise - 0.5), 62, 112)
    side = np.abs(grid.x)[None, None, :]
    along = np.clip((side - inner) / 4, 0, 1) * np.clip((outer - side) / 4, 0, 1)
    along = along * np.clip((rise - 0.52) / 0.03, 0, 1)
    rows = slice(int(np.searchsorted(grid.y, 18)), None)
    thickness = 1.6 + 2.2 * np.clip((side - outer + 14) / 14, 0, 1)
    plate = np.abs(wall[:, rows] - np.float32(19)) - thickness
    blend(hu[:, rows], CORTEX_HU * 0.75, coverage(plate, grid.spacing[0]) * along)
