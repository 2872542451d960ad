"""A person in the scanner, before nodules and noise are added."""

from dataclasses import dataclass

import numpy as np

from lungcam.phantom.body import FAT_HU, paint_organs
from lungcam.phantom.chest import Chest, draw_chest
from lungcam.phantom.scanner import ScannerGrid, blend, coverage, empty_room, make_grid
from lungcam.phantom.shapes import box_around
from lungcam.phantom.vessel import paint_airway, paint_great_vessels, paint_lung_vessels


@dataclass(frozen=True, eq=False, kw_only=True)
class Canvas:
    """A painted person, ready for nodules.

    Attributes:
        chest: Proportions of the person.
        grid: Grid of the scan.
        hu: HU without noise, float32 of shape `(D, H, W)`.
        lungs: Mask of both lungs with everything inside them, bool of the same shape.
        airway: Mask of the air in trachea and main bronchi, bool of the same shape.
        sigma: Standard deviation of the noise in HU.
        padding: Value outside the field of view.
    """

    chest: Chest
    grid: ScannerGrid
    hu: np.ndarray
    lungs: np.ndarray
    airway: np.ndarray
    sigma: float
    padding: int


def paint_person(
    body: np.random.Generator,
    scanner: np.random.Generator,
    *,
    tissue: np.random.Generator,
    difficulty: float,
    matrix: int,
) -> Canvas:
    """Paint a random person on a random scanner.

    Args:
        body: Generator of the shape of the person.
        scanner: Generator of the grid, the noise level and the table.
        tissue: Generator of the texture and density of the organs.
        difficulty: In [0, 1]; raises noise and vessels.
        matrix: Rows and columns of a slice.
    """
    chest = draw_chest(body)
    grid = make_grid(scanner, matrix, top=chest.height + float(scanner.uniform(12, 22)))
    sigma = float(scanner.uniform(15 + 8 * difficulty, 20 + 20 * difficulty))
    padding = int(scanner.choice((-2000, -1024)))
    hu, lungs = paint_organs(
        tissue, chest, grid=grid, room=empty_room(scanner, grid, back=chest.back)
    )
    paint_great_vessels(hu, chest, grid=grid)
    joined, gas = body.random() < 0.75, body.random() < 0.4
    segments = round(34 + 20 * difficulty + float(body.uniform(0, 6)))
    paint_lung_vessels(body, hu, chest=chest, grid=grid, segments=segments)
    airway = paint_airway(hu, chest, grid=grid, joined=joined)
    if gas:
        _paint_stomach_gas(body, hu, chest=chest, grid=grid)
    return Canvas(
        chest=chest, grid=grid, hu=hu, lungs=lungs, airway=airway, sigma=sigma, padding=padding
    )


def _paint_stomach_gas(
    rng: np.random.Generator, hu: np.ndarray, *, chest: Chest, grid: ScannerGrid
) -> None:
    """Paint a gas bubble above a fluid level under the left dome of the diaphragm, in place."""
    radius = rng.uniform(14, 24)
    top = chest.domes[2] - 10
    center = np.array([60, -16, top - radius])
    box = box_around(grid, center - radius - 3, high=center + radius + 3)
    x, y, z = grid.x[box[2]], grid.y[box[1]][:, None], grid.z[box[0]][:, None, None]
    ball = np.sqrt((x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2) - radius
    gas = np.maximum(ball, y - (center[1] + 0.3 * radius)).astype(np.float32)
    blend(hu[box], FAT_HU + 140, share=coverage(ball.astype(np.float32) - 3, grid.spacing[0]))
    blend(hu[box], -980, share=coverage(gas, grid.spacing[0]))
