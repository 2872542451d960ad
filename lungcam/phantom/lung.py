"""Surfaces of the lungs as signed distances: chest wall, mediastinum, heart and diaphragm."""

import math
from dataclasses import dataclass

import numpy as np

from lungcam.phantom.chest import Chest, cavity_axes, ellipse_distance, spine_center


@dataclass(frozen=True)
class Dome:
    """Diaphragm over given x and y: its level in mm and its steepness `sqrt(1 + slope²)`."""

    level: np.ndarray
    steepness: np.ndarray


def diaphragm_dome(chest: Chest, x: np.ndarray, *, y: np.ndarray) -> Dome:
    """Return the diaphragm over x and y, which broadcast together."""

    def level(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        parts = zip((-66, 0, 68), (-14, -24, -10), (84, 60, 78), chest.domes, strict=True)
        total = np.zeros((), np.float32)
        for center_x, center_y, half_width, top in parts:
            fall = ((x - center_x) / half_width) ** 2 + ((y - center_y) / (1.18 * chest.depth)) ** 2
            total = total + np.exp((top * (1 - fall)) / 6)
        # soft maximum of the parts, never below the recess
        return 6 * np.log(total + 1)

    height = level(x, y)
    slope_x, slope_y = level(x + 1, y) - height, level(x, y + 1) - height
    return Dome(height, np.sqrt(1 + slope_x**2 + slope_y**2))


def heart_distance(
    chest: Chest, x: np.ndarray, *, y: np.ndarray, z: np.ndarray
) -> np.ndarray | None:
    """Return the signed distance in mm to the heart, negative inside; None if no level meets it."""
    along, across, up = chest.heart
    center = (14, -0.27 * chest.depth, 0.62 * chest.domes[0] + up)
    height = np.abs(z - center[2]) / up
    if height.min() > 1:
        return None
    cos, sin = math.cos(chest.turn), math.sin(chest.turn)
    x, y = x - center[0], y - center[1]
    bulge = np.sqrt(np.maximum(1 - height**2, 1e-3))
    return ellipse_distance(x * cos - y * sin, x * sin + y * cos, a=along * bulge, b=across * bulge)


def mediastinum_edges(
    chest: Chest, y: np.ndarray, *, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the extent in mm of mediastinum and spine to the right and to the left."""
    level = z - chest.carina
    spine = 1 / (1 + np.exp((spine_center(chest, z) - 12 - y) / 5))
    core = np.exp(-((np.abs(y + 2) / 40) ** 4))
    hilum = np.exp(-((level + 12) ** 2) / 500 - (y - 2) ** 2 / 700)
    both = 6 + 20 * core + 20 * spine + 9 * hilum
    arch = np.exp(-((level - 20) ** 2) / 300) * core
    aorta = np.exp(-((y - 34) ** 2) / 260) / (1 + np.exp((level - 30) / 6))
    return both, both + 9 * arch + 14 * aorta


def lung_faces(
    chest: Chest, dome: Dome, *, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the signed distances to the surfaces of the lungs.

    Args:
        chest: Proportions of the person.
        dome: Diaphragm over the same x and y.
        x: Coordinates in mm; broadcasts with `y` and `z`.
        y: Coordinates in mm.
        z: Coordinates in mm.

    Returns:
        Distances in mm, negative within the lung: to the chest wall, to the mediastinum with the
        spine and the heart, and to the diaphragm. Last, the distance to the heart, negative within
        the heart, or None if no level meets it.
    """
    center_x, center_y, axis_x, axis_y = cavity_axes(chest, z)
    side = np.abs(x) * np.where(x > 0, np.float32(1 / chest.lean), np.float32(1))
    wall = ellipse_distance(side - center_x, y - center_y, a=axis_x, b=axis_y, square=0.3)
    np.maximum(wall, z - chest.height, out=wall)
    right, left = mediastinum_edges(chest, y, z=z)
    middle = np.minimum(left - x, right + x)
    heart = heart_distance(chest, x, y=y, z=z)
    if heart is not None:
        np.maximum(middle, 3 - heart, out=middle)
    return wall, middle, (dome.level - z) / dome.steepness, heart


def lung_depth(chest: Chest, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth of points in the lungs and the nearest surface.

    Args:
        chest: Proportions of the person.
        points: (x, y, z) in mm, shape `(n, 3)`.

    Returns:
        Depth in mm, negative outside the lungs, and the nearest surface: 0 chest wall,
        1 mediastinum, 2 diaphragm. Both of shape `(n,)`.
    """
    x, y, z = points.T.astype(np.float32)
    faces = np.stack(lung_faces(chest, diaphragm_dome(chest, x, y=y), x=x, y=y, z=z)[:3])
    return -faces.max(axis=0), faces.argmax(axis=0)


def points_in_lungs(rng: np.random.Generator, chest: Chest, *, n: int) -> np.ndarray:
    """Draw points uniformly in the lungs: (x, y, z) in mm, about `n / 2` of them."""
    half = np.array([chest.width, chest.depth + 20, chest.height / 2])
    middle = np.array([0, 0, chest.height / 2])
    points = middle + rng.uniform(-half, half, (n, 3))
    return points[lung_depth(chest, points)[0] > 0]
