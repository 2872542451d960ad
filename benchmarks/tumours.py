"""Simulated large tumours, painted into the lungs of a real scan."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lungcam.lungs import air, lung_pockets, trachea

PLACES = ("wall", "apex", "base", "mediastinum")
VOLUME_ML = (36.0, 360.0)
TUMOUR_HU = 30
# shares of the lungs' height: above the first is apex, below the second is base
APEX, BASE = 0.8, 0.5
# depth of the centre below the lung's surface, in radii of the ball
DEPTHS = {"wall": (0.5, 0.9), "apex": (0.5, 0.9), "base": (0.5, 0.9), "mediastinum": (0.1, 0.6)}


@dataclass(frozen=True)
class Tumour:
    """A simulated tumour.

    Attributes:
        place: One of `PLACES`, where it touches the lung's surface.
        ml: Volume in mL.
        voxels: `(W, H, D)` bool.
    """

    place: str
    ml: float
    voxels: np.ndarray


def clean_lungs(hu: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Return both lungs of a scan without a tumour, in RAS+ order, without the trachea."""
    lungs = lung_pockets(air(hu), hu, spacing_mm=spacing_mm)
    return lungs & ~trachea(lungs, hu, spacing_mm=spacing_mm)


def simulate(
    lungs: np.ndarray, spacing_mm: tuple[float, float, float], n: int, seed: int = 0
) -> Iterator[Tumour]:
    """Draw tumours that touch the surface of the lungs.

    A tumour is the part of a ball centred in the lung, at a depth from `DEPTHS`. At the wall, the
    apex and the base it ends at the lung's surface and is enlarged inside; at the mediastinum it
    continues into it. Volumes are spread evenly on a logarithmic scale.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order, of the scan without a tumour.
        spacing_mm: Voxel spacing in mm.
        n: Number of tumours; they alternate between `PLACES`.
        seed: Seed of the draws.

    Yields:
        The tumours.
    """
    rng = np.random.default_rng(seed)
    depth, nearest = ndimage.distance_transform_edt(lungs, spacing_mm, return_indices=True)
    points = np.argwhere(lungs)
    depths = depth[lungs]
    ways = (nearest[:, lungs].T - points) * spacing_mm / depths[:, None]
    low, high = points[:, 2].min(), points[:, 2].max()
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    side = np.sign(points[:, 0] - middle)
    height = (points[:, 2] - low) / (high - low)
    top = height > APEX
    inwards, upwards = -ways[:, 0] * side, ways[:, 2]
    surface = {
        "wall": (inwards < 0.3) & (np.abs(upwards) < 0.5) & ~top,
        "apex": top & (inwards < 0.3),
        "base": (upwards < -0.7) & (height < BASE),
        "mediastinum": (inwards > 0.7) & ~top,
    }
    everywhere = np.moveaxis(np.indices(lungs.shape), 0, -1).reshape(-1, 3)
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    for i in range(n):
        place = PLACES[i % len(PLACES)]
        ml = float(np.exp(rng.uniform(*np.log(VOLUME_ML))))
        radius = (ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
        wanted = np.flatnonzero(surface[place])
        # if the lung is too thin for this depth, use its deepest point
        goal = rng.uniform(*DEPTHS[place]) * radius
        off = np.abs(depths[wanted] - goal)
        wanted = wanted[off <= max(np.min(off), spacing_mm[0])]
        center = rng.choice(wanted)
        room = everywhere if place == "mediastinum" else points[side == side[center]]
        distance = np.linalg.norm((room - points[center]) * spacing_mm, axis=1)
        count = round(ml / voxel_ml)
        chosen = room[np.argpartition(distance, count)[:count]]
        voxels = np.zeros_like(lungs)
        voxels[tuple(chosen.T)] = True
        yield Tumour(place, ml, voxels)
