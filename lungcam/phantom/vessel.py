"""Great vessels, airways and the branching vessels of the lungs."""

import numpy as np

from lungcam.phantom.body import BLOOD_HU, FAT_HU
from lungcam.phantom.chest import Chest, spine_center
from lungcam.phantom.lung import lung_depth, points_in_lungs
from lungcam.phantom.scanner import Grid, blend
from lungcam.phantom.shapes import draw_path, tube_share

WALL_MM = 1.6


def hilum(chest: Chest, side: int) -> np.ndarray:
    """Where the main bronchus enters the lung of one side (-1 right, 1 left): (x, y, z) in mm."""
    way = np.array([side * 0.86, 0.06, -0.5])
    steps = np.arange(10, 90, 0.5)[:, None]
    points = np.array([0, 8, chest.carina]) + steps * way
    return points[np.argmax(lung_depth(chest, points)[0] > 0)]


def draw_great_vessels(hu: np.ndarray, chest: Chest, *, grid: Grid) -> None:
    """Lay aorta, pulmonary arteries, caval vein, gullet and the fat of the armpits in place."""
    c, back = chest.carina, float(spine_center(chest, chest.carina)) - 22
    for side in (-1, 1):
        pit = side * (chest.width + 4)
        path = [(pit, 6, 0.66 * chest.height), (pit - 8 * side, 0, 0.95 * chest.height)]
        draw_path(hu, grid, points=path, radii=(5, 17), value=FAT_HU)
        inner = [(side * 12, 0, c + 24), (side * 20, -6, c + 60), (side * 17, 4, chest.height + 30)]
        draw_path(hu, grid, points=inner, radii=(5, 5, 4), value=BLOOD_HU)
        trunk = [(4, -22, c - 22), hilum(chest, side) + np.array([0, -8, -4])]
        draw_path(hu, grid, points=trunk, radii=(11, 8), value=BLOOD_HU)
        bone = [(side * 18, -56, chest.height - 14), (side * 78, -46, chest.height + 2)]
        draw_path(
            hu,
            grid,
            points=[*bone, (side * 140, -8, chest.height + 12)],
            radii=(6, 4.5, 6),
            value=420,
        )
    arch = [(-10, -30, c - 40), (-12, -28, c + 8), (4, -16, c + 25), (18, 10, c + 23)]
    descent = [(25, back, c + 4), (25, back, 60), (12, back + 4, -40)]
    draw_path(hu, grid, points=arch + descent, radii=(15, 15, 13, 13, 12, 11, 10), value=BLOOD_HU)
    draw_path(
        hu, grid, points=[(10, -40, c - 45), (6, -24, c - 20)], radii=(13, 12), value=BLOOD_HU
    )
    draw_path(
        hu, grid, points=[(-23, -14, c - 45), (-24, -16, c + 55)], radii=(9, 8), value=BLOOD_HU
    )
    draw_path(
        hu,
        grid,
        points=[(6, back - 4, -40), (4, 26, c), (2, 24, chest.height + 30)],
        radii=[6] * 3,
        value=30,
    )


def draw_airway(hu: np.ndarray, chest: Chest, *, grid: Grid, joined: bool) -> np.ndarray:
    """Lay the trachea and the main bronchi over `hu` in place.

    Args:
        hu: Volume in HU, shape `(D, H, W)`.
        chest: The person's proportions.
        grid: The scan's grid.
        joined: Whether the bronchi open into the lungs; if not, each ends in soft tissue before
            them, as a bronchus full of mucus does.

    Returns:
        The air of trachea and main bronchi, bool of shape `(D, H, W)`.
    """
    carina = np.array([0, 8, chest.carina])
    paths = [([(0, 0, chest.height + 40), carina], (8.5, 8.5))]
    for side, radius in ((-1, 7.0), (1, 6.2)):
        door = hilum(chest, side)
        way = (door - carina) / np.linalg.norm(door - carina)
        end = door + way * (12 if joined else -7 - radius)
        paths.append(([carina, end], (radius + 1, radius)))
    airway = np.zeros(hu.shape, bool)
    for points, radii in paths:
        draw_path(hu, grid, points=points, radii=np.add(radii, WALL_MM).tolist(), value=30)
    for points, radii in paths:
        way = points[1] - np.asarray(points[0])
        # the air reaches past the wall's round end, or the end would close the bronchus
        past = points[1] + way / np.linalg.norm(way) * (2 * WALL_MM + 2 if joined else 0)
        box, share = tube_share(grid, points[0], end=past, radii=radii)
        blend(hu[box], -1000, share=share)
        airway[box] |= share > 0.5
    return airway


def draw_lung_vessels(
    rng: np.random.Generator, hu: np.ndarray, *, chest: Chest, grid: Grid, segments: int
) -> None:
    """Lay a tree of `segments` tapering vessels into each lung in place.

    Each end, nearest to the hilum first, joins the nearest knot of the tree; a knot is as wide as
    the ends it feeds ask for.

    Args:
        rng: Source of the tree's ends.
        hu: Volume in HU, shape `(D, H, W)`.
        chest: The person's proportions.
        grid: The scan's grid.
        segments: Segments in each lung.
    """
    spread = points_in_lungs(rng, chest, n=800)
    spread = spread[lung_depth(chest, spread)[0] > 5]
    for side in (-1, 1):
        root = hilum(chest, side)
        ends = spread[spread[:, 0] * side > 0]
        reach = np.linalg.norm(ends - root, axis=1)
        ends = ends[reach > 14][: segments // 2]
        ends = ends[np.argsort(np.linalg.norm(ends - root, axis=1))]
        knots, parents = [root], [0]
        for end in ends:
            known = np.array(knots)
            detour = np.linalg.norm(known - end, axis=1) + 0.35 * np.linalg.norm(
                known - root, axis=1
            )
            parent = int(np.argmin(detour))
            bend = rng.normal(0, 0.07, 3) * np.linalg.norm(end - known[parent])
            knots += [0.5 * (known[parent] + end) + bend, end]
            parents += [parent, len(knots) - 2]
        load = np.ones(len(knots))
        load[1::2] = 0
        for i in range(len(knots) - 1, 0, -1):
            load[parents[i]] += load[i]
        radii = np.minimum(load ** (1 / 2.3), 6)
        for i in range(1, len(knots)):
            near = min(radii[parents[i]], 1.25 * radii[i])
            far = radii[i] if load[i] > 1 else 0.7 * radii[i]
            draw_path(
                hu, grid, points=[knots[parents[i]], knots[i]], radii=(near, far), value=BLOOD_HU
            )
