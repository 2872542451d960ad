"""Nodules: their position, shape and density."""

from dataclasses import dataclass

import numpy as np

from lungcam.phantom.chest import Chest
from lungcam.phantom.lung import diaphragm_dome, lung_depth, lung_faces, points_in_lungs
from lungcam.phantom.scanner import ScannerGrid, blend, coverage
from lungcam.phantom.shapes import box_around, fine_levels, paint_path, slice_mean
from lungcam.phantom.vessel import hilum

ATTACHMENTS = ("none", "wall", "mediastinum", "apex")
GROUND_GLASS_HU = -520


@dataclass(frozen=True, kw_only=True)
class Nodule:
    """A nodule to paint.

    Attributes:
        center: (x, y, z) in mm in the person's frame.
        diameter: Diameter in mm.
        attachment: Surface that it touches, one of `ATTACHMENTS`.
        hu: HU of its solid part.
        solid: Radius of the solid part relative to the whole; the rest is ground glass.
        lobes: Directions and heights of its bulges, shape `(n, 4)`; n is 0 if it is smooth.
        spikes: Directions and lengths of its spikes in radii, shape `(n, 4)`.
    """

    center: np.ndarray
    diameter: float
    attachment: str
    hu: float
    solid: float
    lobes: np.ndarray
    spikes: np.ndarray


def size_ranges(difficulty: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ranges of diameters in mm of benign and malignant nodules, closer beyond 0.5."""
    near = max(0.0, 2 * difficulty - 1)
    return (4.0, 9.0 + 3 * near), (15.0 - 5 * near, 30.0)


def draw_nodule(
    rng: np.random.Generator, chest: Chest, *, malignant: bool, difficulty: float
) -> Nodule:
    """Draw position, shape and density of a nodule.

    Args:
        rng: Generator of every choice.
        chest: Proportions of the person.
        malignant: True for a large, lobed and spiculated nodule, False for a small smooth one.
        difficulty: In [0, 1]; raises the shares with ground glass and attached to the pleura, and
            brings the sizes of both classes closer.

    Returns:
        The nodule, with its centre within the lungs.
    """
    diameter = float(rng.uniform(*size_ranges(difficulty)[malignant]))
    attached = 0.5 * difficulty
    shares = (1 - attached, 0.6 * attached, 0.2 * attached, 0.2 * attached)
    attachment = str(rng.choice(ATTACHMENTS, p=shares))
    center = _draw_center(rng, chest, radius=diameter / 2, attachment=attachment)
    if malignant:
        solid = float(rng.uniform(0.5, 0.75)) if rng.random() < 0.4 * difficulty else 1.0
        lobes = np.column_stack([_random_directions(rng, 7), rng.uniform(0.1, 0.4, 7)])
        n = int(rng.integers(9, 17))
        spikes = np.column_stack([_random_directions(rng, n), rng.uniform(1.4, 2.0, n)])
        return Nodule(
            center=center,
            diameter=diameter,
            attachment=attachment,
            hu=rng.uniform(20, 60),
            solid=solid,
            lobes=lobes,
            spikes=spikes,
        )
    calcified = rng.random() < 0.3
    hu = float(rng.uniform(200, 800) if calcified else rng.uniform(0, 50))
    smooth = np.zeros((0, 4))
    return Nodule(
        center=center,
        diameter=diameter,
        attachment=attachment,
        hu=hu,
        solid=1.0,
        lobes=smooth,
        spikes=smooth,
    )


def paint_nodule(
    hu: np.ndarray, chest: Chest, *, grid: ScannerGrid, nodule: Nodule
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Paint a nodule into the lungs in `hu`, in place.

    Args:
        hu: Volume in HU, shape `(D, H, W)`.
        chest: Proportions of the person; the nodule ends at the pleura.
        grid: Grid of the scan.
        nodule: Nodule to paint.

    Returns:
        A box as slices of `hu`, and the mask of the nodule without its spikes in that box, bool
        and never empty.
    """
    radius = nodule.diameter / 2
    for *direction, length in nodule.spikes:
        tip = nodule.center + radius * length * np.array(direction)
        if lung_depth(chest, tip[None])[0][0] > 1:
            path = [nodule.center + 0.7 * radius * np.array(direction), tip]
            paint_path(hu, grid, points=path, radii=(0.2 * radius, 0.5), value=-40)
    reach = 1.7 * radius + grid.spacing[0]
    box = box_around(grid, nodule.center - reach, high=nodule.center + reach)
    levels, n = fine_levels(grid, box[0].start, high=box[0].stop)
    x, y, z = grid.x[box[2]][None, None, :], grid.y[box[1]][None, :, None], levels[:, None, None]
    wall, middle, floor, _ = lung_faces(chest, diaphragm_dome(chest, x, y=y), x=x, y=y, z=z)
    pleura = np.maximum(np.maximum(wall, middle), floor)
    x, y, z = (axis - np.float32(c) for axis, c in zip((x, y, z), nodule.center, strict=True))
    distance = np.sqrt(x * x + y * y + z * z)
    edge = np.full_like(distance, radius)
    if len(nodule.lobes):
        edge *= _bulge(nodule.lobes, x, y=y, z=z, distance=distance) / _mean_bulge(nodule.lobes)
    inside = coverage(np.maximum(distance - edge, pleura), grid.spacing[0])
    share = slice_mean(inside, n)
    if nodule.solid < 1:
        blend(hu[box], GROUND_GLASS_HU, share=share)
        core = coverage(np.maximum(distance - nodule.solid * edge, pleura), grid.spacing[0])
        blend(hu[box], nodule.hu, share=slice_mean(core, n))
    else:
        blend(hu[box], nodule.hu, share=share)
    # in thick slices a small nodule may fill less than half of every voxel
    return box, share >= min(0.5, 0.5 * float(share.max()))


def _bulge(lobes: np.ndarray, x, *, y, z, distance: np.ndarray) -> np.ndarray:
    """Return the relative radius towards (x, y, z), before the volume is normalised."""
    total = np.ones_like(distance)
    scale = 1 / (distance + np.float32(1e-3))
    for u, v, w, height in lobes.astype(np.float32):
        total += height * np.exp(6 * ((x * u + y * v + z * w) * scale - 1))
    return total


def _mean_bulge(lobes: np.ndarray) -> float:
    """Return the radius of the sphere with the volume of the unit lobed shape."""
    x, y, z = _even_directions(400).T
    return float(np.mean(_bulge(lobes, x, y=y, z=z, distance=np.ones(400)) ** 3) ** (1 / 3))


def _even_directions(n: int) -> np.ndarray:
    """Return unit vectors on a spiral from pole to pole, shape `(n, 3)`."""
    i = np.arange(n) + 0.5
    height, turn = 1 - 2 * i / n, np.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - height**2)
    return np.column_stack([flat * np.cos(turn), flat * np.sin(turn), height])


def _random_directions(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw random unit vectors, shape `(n, 3)`."""
    vectors = rng.standard_normal((n, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _draw_center(
    rng: np.random.Generator, chest: Chest, *, radius: float, attachment: str
) -> np.ndarray:
    """Draw a centre (x, y, z) in mm in the lungs, at a depth that suits the attachment."""
    points = points_in_lungs(rng, chest, n=6000)
    for side in (-1, 1):
        # a nodule on the hilum would close the bronchus
        points = points[np.linalg.norm(points - hilum(chest, side), axis=1) > radius + 22]
    depth, face = lung_depth(chest, points)
    if attachment == "none":
        # clear of the pleura on every side, including the bulges
        clear = 1.4 * radius + 4
        points = points[depth > clear][:60]
        around = points[:, None] + clear * _even_directions(60)
        free = lung_depth(chest, around.reshape(-1, 3))[0].reshape(-1, 60) > 0
        return points[np.argmax(free.all(axis=1))]
    high = points[:, 2] > 0.84 * chest.height
    masks = {"wall": (face == 0) & ~high, "mediastinum": face == 1, "apex": (face == 0) & high}
    points, depth = points[masks[attachment]], depth[masks[attachment]]
    return points[np.argmin(np.abs(depth - rng.uniform(0.55, 0.85) * radius))]
