"""A person's body and large organs in HU, painted slab by slab: soft tissue, bones and lungs.

Each `_paint_` function changes a slab of slices in place.
"""

from collections.abc import Iterator

import numpy as np

from lungcam.phantom.chest import Chest, cavity_axes, ellipse_distance, spine_center
from lungcam.phantom.lung import diaphragm_dome, lung_faces
from lungcam.phantom.scanner import ScannerGrid, blend, coverage
from lungcam.phantom.shapes import smooth_cloud

FAT_HU, MUSCLE_HU, BLOOD_HU, LIVER_HU = -100, 50, 42, 58
CORTEX_HU, MARROW_HU, CARTILAGE_HU, DISC_HU = 650, 230, 90, 85
RIB_STEP_MM, VERTEBRA_MM = 27.0, 25.0
# distance of the painted levels; the slices between them are interpolated
LEVEL_MM = 3.0
# a slab this small stays in the processor's cache through all the passes over it
SLAB_VOXELS = 110_000


def paint_organs(
    rng: np.random.Generator, chest: Chest, *, grid: ScannerGrid, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Paint body, bones, heart, abdomen and lungs, without vessels, airways and noise.

    Args:
        rng: Generator of the texture of the tissue and the density of the lungs.
        chest: Proportions of the person.
        grid: Grid of the scan.
        room: Empty scanner in HU, shape `(H, W)`.

    Returns:
        HU as float32 and lung mask as bool, both of shape `(D, H, W)`.
    """
    stride = max(1, int(LEVEL_MM / grid.spacing[2]))
    count = -(-(grid.z.size - 1) // stride) + 1
    levels = grid.z[0] + np.arange(count, dtype=np.float32) * np.float32(stride * grid.spacing[2])
    rows = slice(*np.searchsorted(grid.y, (-chest.back - 4, chest.back + 4)))
    coarse = ScannerGrid(
        x=grid.x, y=grid.y[rows], z=levels, spacing=grid.spacing, affine=grid.affine
    )
    shape = (grid.z.size, grid.y.size, grid.x.size)
    hu, lungs = np.empty(shape, np.float32), np.zeros(shape, bool)
    hu[:, : rows.start], hu[:, rows.stop :] = room[: rows.start], room[rows.stop :]
    hu_below = air_below = None
    painted = _painted_levels(rng, chest, grid=coarse, room=room[rows])
    for i, (hu_here, air_here) in enumerate(painted):
        for k in range((i - 1) * stride + 1 if i else 0, min(i * stride + 1, grid.z.size)):
            share = np.float32(k / stride - i + 1)
            if share == 1:
                hu[k, rows], lungs[k, rows] = hu_here, air_here > 0.5
            else:
                hu[k, rows] = hu_below + (hu_here - hu_below) * share
                lungs[k, rows] = air_below + (air_here - air_below) * share > 0.5
        hu_below, air_below = hu_here, air_here
    return hu, lungs


def _painted_levels(
    rng: np.random.Generator, chest: Chest, *, grid: ScannerGrid, room: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield HU and share of lung, shape `(H, W)` each, level by level."""
    x, y = grid.x[None, None, :], grid.y[None, :, None]
    dome, organs, cloud = diaphragm_dome(chest, x, y=y), _abdomen(grid), smooth_cloud(rng, grid)
    density = np.float32(rng.uniform(-885, -815)) + np.float32(rng.uniform(0.2, 0.45)) * y
    pixel, thickness = np.float32(grid.spacing[0]), np.float32(grid.spacing[2])
    floor_width = np.hypot(thickness, pixel * (dome.steepness - 1)) / dome.steepness
    step = max(1, SLAB_VOXELS // room.size)
    for start in range(0, grid.z.size, step):
        z = grid.z[start : start + step, None, None]
        texture = cloud(slice(start, start + step))
        hu = np.repeat(room[None], z.size, axis=0)
        front = _paint_soft_tissue(hu, chest, grid=grid, z=z)
        wall, middle, floor, heart = lung_faces(chest, dome, x=x, y=y, z=z)
        # towards the apex the cavity narrows and a thick slice blurs its edge
        center_x, _, axis_x, _ = cavity_axes(chest, z)
        taper = axis_x - cavity_axes(chest, z + 1)[2]
        inside = coverage(wall, np.hypot(pixel, thickness * np.minimum(taper, 3)))
        blend(hu, FAT_HU + 15, share=inside)
        above = coverage(floor, floor_width)
        blend(hu, organs, share=inside * (1 - above))
        if heart is not None:
            blend(hu, BLOOD_HU, share=coverage(heart, pixel))
        hu += texture * np.float32(0.3)
        blend(hu, FAT_HU, share=_fat_between_muscles(wall, pixel))
        _paint_shoulder_blades(hu, chest, grid=grid, z=z, wall=wall)
        _paint_ribs(hu, chest, grid=grid, z=z, wall=wall, center_x=center_x)
        _paint_sternum(hu, chest, grid=grid, z=z, front=front)
        _paint_spine(hu, chest, grid=grid, z=z)
        air = np.minimum(inside, coverage(middle, pixel))
        np.minimum(air, above, out=air)
        blend(hu, density + texture + _fissure(chest, grid, z=z), share=air)
        yield from zip(hu, air, strict=True)


def _paint_soft_tissue(
    hu: np.ndarray, chest: Chest, *, grid: ScannerGrid, z: np.ndarray
) -> np.ndarray:
    """Paint skin, fat and muscle; return the foremost y of the skin in mm, shape `(n, 1, 1)`."""
    rise = np.clip(z / chest.height, 0, 1)
    front = -(chest.depth + 19 + chest.fat) + 44 * rise**3
    center, half_depth = (chest.back + front) / 2, (chest.back - front) / 2
    half_width = chest.width + 20 + chest.fat + 5 * rise**4
    x, y = grid.x[None, None, :], grid.y[None, :, None] - center
    skin = ellipse_distance(x, y, a=half_width, b=half_depth, square=0.35)
    blend(hu, 10, share=coverage(skin, grid.spacing[0]))
    blend(hu, FAT_HU, share=coverage(skin + np.float32(1.5), grid.spacing[0]))
    blend(hu, MUSCLE_HU, share=coverage(skin + np.float32(chest.fat), grid.spacing[0]))
    return front


def _fat_between_muscles(wall: np.ndarray, pixel: float) -> np.ndarray:
    """Return the share of fat between the muscles of the ribs and the outer ones."""
    share = coverage(np.abs(wall - np.float32(13.5)) - np.float32(0.6), pixel)
    share *= np.float32(0.8)
    return share


def _abdomen(grid: ScannerGrid) -> np.ndarray:
    """Return the HU below the diaphragm, shape `(H, W)`: liver, stomach, spleen and fat."""
    x, y = grid.x[None, :], grid.y[:, None]
    organs = np.full((grid.y.size, grid.x.size), FAT_HU, np.float32)
    blend(organs, 50, share=coverage(ellipse_distance(x - 92, y - 36, a=30, b=46), 3))
    blend(organs, 25, share=coverage(ellipse_distance(x - 56, y + 12, a=42, b=40), 3))
    blend(organs, LIVER_HU, share=coverage(x - 22 + 0.3 * y, 4))
    return organs


def _fissure(chest: Chest, grid: ScannerGrid, *, z: np.ndarray) -> np.ndarray:
    """Return the HU that the oblique fissures add, shape `(n, H, 1)`.

    They are thin sheets that descend to the front.
    """
    distance = (z - 0.45 * chest.height - 0.9 * grid.y[None, :, None]) / 1.35
    width = np.float32(0.75 * grid.spacing[2] + 0.6 * grid.spacing[0])
    return np.clip(1 - np.abs(distance) / width, 0, 1) * (130 / width)


def _paint_ribs(
    hu: np.ndarray,
    chest: Chest,
    *,
    grid: ScannerGrid,
    z: np.ndarray,
    wall: np.ndarray,
    center_x: np.ndarray,
) -> None:
    """Paint ribs in the shell outside the cavity: bands that descend from the spine to the front.

    Args:
        hu: Slab in HU, shape `(n, H, W)`.
        chest: Proportions of the person.
        grid: Grid of the scan.
        z: Levels in mm, shape `(n, 1, 1)`.
        wall: Distance in mm to the chest wall, shape `(n, H, W)`.
        center_x: Centre of the cross-section of each side in mm, shape `(n, 1, 1)`.
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
    # towards the apex the shell also runs between lung and spine, where there are no ribs
    lateral = np.clip((np.abs(grid.x)[None, None, :] - center_x) / 5, 0, 1)
    bony = np.clip((y + 0.68 * chest.depth) / 10 + 0.5, 0, 1)
    share = coverage(distance, width)
    share *= lateral
    blend(hu, CARTILAGE_HU + bony * (CORTEX_HU - CARTILAGE_HU), share=share)
    share = coverage(distance + np.float32(1.7), width)
    share *= lateral
    blend(hu, CARTILAGE_HU + bony * (MARROW_HU - CARTILAGE_HU), share=share)


def _paint_spine(hu: np.ndarray, chest: Chest, *, grid: ScannerGrid, z: np.ndarray) -> None:
    """Paint vertebrae and discs, the canal, transverse and spinous processes.

    Args:
        hu: Slab in HU, shape `(n, H, W)`.
        chest: Proportions of the person.
        grid: Grid of the scan.
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
    blend(patch, CORTEX_HU * 0.7, share=coverage(spinous, pixel) * (0.35 + 0.65 * arch))
    sweep = y - 20 - 0.25 * np.abs(x)
    transverse = np.maximum(np.abs(sweep) - 4, np.abs(x) - 34)
    blend(patch, CORTEX_HU * 0.6, share=coverage(transverse, pixel) * arch)
    ring = ellipse_distance(x, y - 23, a=14.5, b=12.5)
    blend(patch, CORTEX_HU, share=coverage(np.abs(ring) - 2, pixel) * (0.3 + 0.7 * arch))
    blend(patch, 30, share=coverage(ring + 3, pixel))
    body = ellipse_distance(x, y, a=18.5, b=14.5, square=0.3)
    blend(patch, CORTEX_HU * (1 - disc) + DISC_HU * disc, share=coverage(body, pixel))
    blend(patch, MARROW_HU * (1 - disc) + DISC_HU * disc, share=coverage(body + 2.2, pixel))


def _paint_sternum(
    hu: np.ndarray, chest: Chest, *, grid: ScannerGrid, z: np.ndarray, front: np.ndarray
) -> None:
    """Paint the sternum behind the foremost y `front` of the skin, in mm, shape `(n, 1, 1)`."""
    pixel = grid.spacing[0]
    columns = slice(*np.searchsorted(grid.x, (-34, 34)))
    rows = slice(*np.searchsorted(grid.y, (-chest.back - 10, -30)))
    patch = hu[:, rows, columns]
    rise = z / chest.height
    along = np.clip((0.9 - rise) / 0.03, 0, 1) * np.clip((rise - 0.34) / 0.03, 0, 1)
    center = front + chest.fat + 11
    half_width = 14 + 10 * np.clip((rise - 0.72) / 0.1, 0, 1)
    distance = ellipse_distance(
        grid.x[None, None, columns],
        grid.y[None, rows, None] - center,
        a=half_width,
        b=6.0,
        square=0.4,
    )
    blend(patch, CORTEX_HU * 0.8, share=coverage(distance, pixel) * along)
    blend(patch, MARROW_HU * 0.7, share=coverage(distance + 2, pixel) * along)


def _paint_shoulder_blades(
    hu: np.ndarray, chest: Chest, *, grid: ScannerGrid, z: np.ndarray, wall: np.ndarray
) -> None:
    """Paint the shoulder blades: plates in the muscle behind the upper ribs."""
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
    blend(hu[:, rows], CORTEX_HU * 0.75, share=coverage(plate, grid.spacing[0]) * along)
