"""A person's large organs, painted slab by slab."""

from collections.abc import Iterator

import numpy as np

from lungcam.cohorts.phantom.chest import (
    Chest,
    cavity_axes,
    ellipse_distance,
)
from lungcam.cohorts.phantom.lung import draw_dome, lung_faces
from lungcam.cohorts.phantom.scan import Grid, blend, coverage
from lungcam.cohorts.phantom.skeleton import (
    lay_ribs,
    lay_shoulder_blades,
    lay_spine,
    lay_sternum,
)
from lungcam.cohorts.phantom.texture import smooth_cloud

FAT_HU, MUSCLE_HU, BLOOD_HU, LIVER_HU = -100, 50, 42, 58
# thin slices differ little from the next: organs are painted this far apart or at every slice
PAINTED_MM = 3.0
# a slab this small stays in the processor's cache through all the passes over it
SLAB_VOXELS = 110_000


def paint_organs(
    rng: np.random.Generator, chest: Chest, grid: Grid, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Paint body, bones, heart, abdomen and lungs, without vessels, airways and noise.

    Args:
        rng: Source of the tissue's texture and of the lungs' density.
        chest: The person's proportions.
        grid: The scan's grid.
        room: The empty scanner in HU, shape `(H, W)`.

    Returns:
        HU as float32 and the lungs as bool, both of shape `(D, H, W)`.
    """
    stride = max(1, int(PAINTED_MM / grid.spacing[2]))
    painted = -(-(grid.z.size - 1) // stride) + 1
    levels = grid.z[0] + np.arange(painted, dtype=np.float32) * np.float32(stride * grid.spacing[2])
    rows = slice(*np.searchsorted(grid.y, (-chest.back - 4, chest.back + 4)))
    cut = Grid(grid.x, grid.y[rows], levels, grid.spacing, grid.affine)
    shape = (grid.z.size, grid.y.size, grid.x.size)
    hu, lungs = np.empty(shape, np.float32), np.zeros(shape, bool)
    hu[:, : rows.start], hu[:, rows.stop :] = room[: rows.start], room[rows.stop :]
    hu_below = air_below = None
    for i, (hu_here, air_here) in enumerate(_paint(rng, chest, cut, room[rows])):
        for k in range((i - 1) * stride + 1 if i else 0, min(i * stride + 1, grid.z.size)):
            share = np.float32(k / stride - i + 1)
            if share == 1:
                hu[k, rows], lungs[k, rows] = hu_here, air_here > 0.5
            else:
                hu[k, rows] = hu_below + (hu_here - hu_below) * share
                lungs[k, rows] = air_below + (air_here - air_below) * share > 0.5
        hu_below, air_below = hu_here, air_here
    return hu, lungs


def _paint(
    rng: np.random.Generator, chest: Chest, grid: Grid, room: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield HU and share of lung, shape `(H, W)` each, level by level."""
    x, y = grid.x[None, None, :], grid.y[None, :, None]
    dome, organs, cloud = draw_dome(chest, x, y), _abdomen(grid), smooth_cloud(rng, grid)
    density = np.float32(rng.uniform(-885, -815)) + np.float32(rng.uniform(0.2, 0.45)) * y
    pixel, thickness = np.float32(grid.spacing[0]), np.float32(grid.spacing[2])
    floor_width = np.hypot(thickness, pixel * (dome.steepness - 1)) / dome.steepness
    step = max(1, SLAB_VOXELS // room.size)
    for start in range(0, grid.z.size, step):
        z = grid.z[start : start + step, None, None]
        texture = cloud(slice(start, start + step))
        hu = np.repeat(room[None], z.size, axis=0)
        front = _lay_body(hu, chest, grid, z)
        wall, middle, floor, heart = lung_faces(chest, dome, x, y, z)
        # the cavity closes towards the apex: there a thick slice blurs its edge
        center_x, _, axis_x, _ = cavity_axes(chest, z)
        taper = axis_x - cavity_axes(chest, z + 1)[2]
        inside = coverage(wall, np.hypot(pixel, thickness * np.minimum(taper, 3)))
        blend(hu, FAT_HU + 15, inside)
        above = coverage(floor, floor_width)
        blend(hu, organs, inside * (1 - above))
        if heart is not None:
            blend(hu, BLOOD_HU, coverage(heart, pixel))
        hu += texture * np.float32(0.3)
        blend(hu, FAT_HU, _muscle_gap(wall, pixel))
        lay_shoulder_blades(hu, chest, grid, z, wall)
        lay_ribs(hu, chest, grid, z, wall, center_x)
        lay_sternum(hu, chest, grid, z, front)
        lay_spine(hu, chest, grid, z)
        air = np.minimum(inside, coverage(middle, pixel))
        np.minimum(air, above, out=air)
        blend(hu, density + texture + _fissure(chest, grid, z), air)
        yield from zip(hu, air, strict=True)


def _lay_body(hu: np.ndarray, chest: Chest, grid: Grid, z: np.ndarray) -> np.ndarray:
    """Lay skin, fat and muscle in place; return the skin's foremost points, shape `(n, 1, 1)`."""
    rise = np.clip(z / chest.height, 0, 1)
    front = -(chest.depth + 19 + chest.fat) + 44 * rise**3
    center, half_depth = (chest.back + front) / 2, (chest.back - front) / 2
    half_width = chest.width + 20 + chest.fat + 5 * rise**4
    x, y = grid.x[None, None, :], grid.y[None, :, None] - center
    skin = ellipse_distance(x, y, half_width, half_depth, 0.35)
    blend(hu, 10, coverage(skin, grid.spacing[0]))
    blend(hu, FAT_HU, coverage(skin + np.float32(1.5), grid.spacing[0]))
    blend(hu, MUSCLE_HU, coverage(skin + np.float32(chest.fat), grid.spacing[0]))
    return front


def _muscle_gap(wall: np.ndarray, pixel: float) -> np.ndarray:
    """Share of the fat between the ribs' muscles and the outer ones."""
    share = coverage(np.abs(wall - np.float32(13.5)) - np.float32(0.6), pixel)
    share *= np.float32(0.8)
    return share


def _abdomen(grid: Grid) -> np.ndarray:
    """What lies under the diaphragm, in HU, shape `(H, W)`: liver, stomach, spleen, fat."""
    x, y = grid.x[None, :], grid.y[:, None]
    organs = np.full((grid.y.size, grid.x.size), FAT_HU, np.float32)
    blend(organs, 50, coverage(ellipse_distance(x - 92, y - 36, 30, 46), 3))
    blend(organs, 25, coverage(ellipse_distance(x - 56, y + 12, 42, 40), 3))
    blend(organs, LIVER_HU, coverage(x - 22 + 0.3 * y, 4))
    return organs


def _fissure(chest: Chest, grid: Grid, z: np.ndarray) -> np.ndarray:
    """HU that the oblique fissures add, thin sheets falling to the front: shape `(n, H, 1)`."""
    apart = (z - 0.45 * chest.height - 0.9 * grid.y[None, :, None]) / 1.35
    width = np.float32(0.75 * grid.spacing[2] + 0.6 * grid.spacing[0])
    return np.clip(1 - np.abs(apart) / width, 0, 1) * (130 / width)
