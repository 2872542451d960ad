"""A faint patch of ground glass with fine lines in it, which precedes a cancer."""

from dataclasses import dataclass

import numpy as np

from lungcam.cohorts.phantom.scan import Grid
from lungcam.cohorts.phantom.texture import smooth_cloud
from lungcam.cohorts.phantom.tube import box_around

RADIUS_MM = (15.0, 22.0)
RISE_HU = (120.0, 200.0)
# how far its middle lies from where the cancer arises, at most
ASIDE_MM = 8.0
EDGE_MM = 6.0
# distance between the lines, about
MESH_MM = 4.0


@dataclass(frozen=True)
class Pattern:
    """A patch to draw.

    Attributes:
        center: (x, y, z) in mm in the person's frame.
        radius: In mm; its edge is uneven by some mm.
        rise: HU that it adds to air-filled lung, on average.
        seed: Of its edge and its lines.
    """

    center: np.ndarray
    radius: float
    rise: float
    seed: int


def draw_pattern(rng: np.random.Generator, site: np.ndarray) -> Pattern:
    """Draw a patch about the place (x, y, z) in mm where a cancer arises."""
    aside = rng.standard_normal(3)
    aside *= ASIDE_MM * rng.random() / np.linalg.norm(aside)
    radius, rise = float(rng.uniform(*RADIUS_MM)), float(rng.uniform(*RISE_HU))
    return Pattern(site + aside, radius, rise, int(rng.integers(2**32)))


def lay_pattern(hu: np.ndarray, lungs: np.ndarray, grid: Grid, pattern: Pattern) -> None:
    """Lay a patch over the lungs in `hu` in place: denser where there is air, and nowhere else.

    Args:
        hu: Volume in HU, float32 of shape `(D, H, W)`.
        lungs: The lungs, bool of the same shape.
        grid: The scan's grid.
        pattern: What to lay.
    """
    rng = np.random.default_rng(pattern.seed)
    reach = pattern.radius + 3 * EDGE_MM
    box = box_around(grid, pattern.center - reach, pattern.center + reach)
    part = Grid(grid.x[box[2]], grid.y[box[1]], grid.z[box[0]], grid.spacing, grid.affine)
    axes = zip((part.x, part.y, part.z), pattern.center, strict=True)
    x, y, z = (axis - np.float32(at) for axis, at in axes)
    distance = np.sqrt(x * x + (y * y)[:, None] + (z * z)[:, None, None])
    whole = slice(None)
    # clouds have a standard deviation of about 12
    edge = pattern.radius + smooth_cloud(rng, part)(whole) * np.float32(0.25)
    share = np.clip(0.5 - (distance - edge) / EDGE_MM, 0, 1)
    lines = 1 / (1 + (smooth_cloud(rng, part, MESH_MM)(whole) / 5) ** 2)
    share *= 0.4 + 0.6 * lines / lines.mean()
    air = np.clip((-400 - hu[box]) / 400, 0, 1) * lungs[box]
    hu[box] += np.float32(pattern.rise) * share * air
