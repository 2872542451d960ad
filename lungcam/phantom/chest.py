"""Proportions of the chest and the cross-section of its cavity."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Chest:
    """Proportions of one person, in mm in the person's frame (see `ScannerGrid`).

    Attributes:
        width: Half width of the thoracic cavity at the base.
        depth: Half depth of the cavity from front to back.
        height: Height from the lowest recess to the apex.
        fat: Thickness of the fat under the skin.
        domes: Tops of the right, middle and left parts of the diaphragm.
        heart: Half axes of the heart along its long axis, across it and upwards.
        turn: Angle of the heart's long axis, from the left to the front, in radians.
        lean: Width of the left lung relative to the right one.
    """

    width: float
    depth: float
    height: float
    fat: float
    domes: tuple[float, float, float]
    heart: tuple[float, float, float]
    turn: float
    lean: float

    @property
    def carina(self) -> float:
        """Level at which the trachea divides."""
        return 0.64 * self.height

    @property
    def back(self) -> float:
        """Hindmost y of the skin."""
        return self.depth + 24 + self.fat


def draw_chest(rng: np.random.Generator) -> Chest:
    """Draw the proportions of a person."""
    right = rng.uniform(58, 74)
    heart = (rng.uniform(56, 66), rng.uniform(40, 46), rng.uniform(42, 48))
    return Chest(
        width=rng.uniform(118, 132),
        depth=rng.uniform(82, 95),
        height=rng.uniform(225, 255),
        fat=rng.uniform(6, 16),
        domes=(right, 0.72 * right, right - rng.uniform(10, 18)),
        heart=heart,
        turn=math.radians(rng.uniform(34, 46)),
        lean=rng.uniform(0.93, 0.98),
    )


def ellipse_distance(
    x: np.ndarray,
    y: np.ndarray,
    *,
    a: np.ndarray | float,
    b: np.ndarray | float,
    square: float = 0.0,
) -> np.ndarray:
    """Return the distance to an upright ellipse about the origin, to first order near its edge.

    Args:
        x: First coordinate in mm; broadcasts with `y`.
        y: Second coordinate in mm.
        a: Half axis along x in mm.
        b: Half axis along y in mm.
        square: 0 for an ellipse, up to 0.5 for one with fuller corners.

    Returns:
        Signed distance in mm, negative inside.
    """
    u, v = (x / a) ** 2, (y / b) ** 2
    slope = np.sqrt(u / a**2 + v / b**2)
    slope += np.float32(1e-6)
    level = u + v
    if square:
        # far outside, the product would lower the level again
        level -= np.minimum(u, 1.5) * (np.minimum(v, 1.5) * np.float32(square))
    root = np.sqrt(level)
    level -= root
    level /= slope
    return level


def cavity_axes(chest: Chest, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return centre and half axes in mm of the cross-section of one side at the levels `z`.

    Towards the apex each side narrows about its own centre next to the spine.

    Returns:
        Centre along x (to the side), centre along y, half axis along x, half axis along y.
    """
    rise = np.clip(z / chest.height, 0, 1)
    center_x, center_y = 46 * rise**4, 33 * rise**3
    edge = 46 + (chest.width - 46) * np.sqrt(1 - rise**3.4)
    axis_x = np.maximum(edge - center_x, 1)
    axis_y = np.maximum(chest.depth * np.sqrt(1 - rise**4), 1)
    return center_x, center_y, axis_x, axis_y


def spine_center(chest: Chest, z: np.ndarray) -> np.ndarray:
    """Return the centre along y in mm of the vertebral bodies at the levels `z`."""
    rise = np.clip(z / chest.height, 0, 1)
    return 0.62 * chest.depth + 7 * np.sin(np.pi * rise) - 8 * rise**4
