"""Great vessels, airways and the branching vessels of the lungs, painted in place."""

import numpy as np

from lungcam.phantom.body import BLOOD_HU, FAT_HU
from lungcam.phantom.chest import Chest, spine_center
from lungcam.phantom.lung import lung_depth, points_in_lungs
from lungcam.phantom.scanner import ScannerGrid, blend
from lungcam.phantom.shapes import paint_path, tube_share

WALL_MM = 1.6


def hilum(chest: Chest, side: int) -> np.ndarray:
    """Return the entry (x, y, z) in mm of the main bronchus into a lung (-1 right, 1 left)."""
    direction = np.array([side * 0.86, 0.06, -0.5])
    steps = np.arange(10, 90, 0.5)[:, None]
    points = np.array([0, 8, chest.carina]) + steps * direction
    return points[np.argmax(lung_depth(chest, points)[0] > 0)]


def paint_great_vessels(hu: np.ndarray, chest: Chest, *, grid: ScannerGrid) -> None:
    """Paint aorta, pulmonary arteries, vena cava, oesophagus, clavicles and axillary fat."""
    c, back = chest.carina, float(spine_center(chest, chest.carina)) - 22
    for side in (-1, 1):
        axilla = side * (chest.width + 4)
        path = [(axilla, 6, 0.66 * chest.height), (axilla - 8 * side, 0, 0.95 * chest.height)]
        paint_path(hu, grid, points=path, radii=(5, 17), value=FAT_HU)
        inner = [(side * 12, 0, c + 24), (side * 20, -6, c + 60), (side * 17, 4, chest.height + 30)]
        paint_path(hu, grid, points=inner, radii=(5, 5, 4), value=BLOOD_HU)
        trunk = [(4, -22, c - 22), hilum(chest, side) + np.array([0, -8, -4])]
        paint_path(hu, grid, points=trunk, radii=(11, 8), value=BLOOD_HU)
        bone = [(side * 18, -56, chest.height - 14), (side * 78, -46, chest.height + 2)]
        paint_path(
            hu,
            grid,
            points=[*bone, (side * 140, -8, chest.height + 12)],
            radii=(6, 4.5, 6),
            value=420,
        )
    arch = [(-10, -30, c - 40), (-12, -28, c + 8), (4, -16, c + 25), (18, 10, c + 23)]
    descent = [(25, back, c + 4), (25, back, 60), (12, back + 4, -40)]
    paint_path(hu, grid, points=arch + descent, radii=(15, 15, 13, 13, 12, 11, 10), value=BLOOD_HU)
    paint_path(
        hu, grid, points=[(10, -40, c - 45), (6, -24, c - 20)], radii=(13, 12), value=BLOOD_HU
    )
    paint_path(
        hu, grid, points=[(-23, -14, c - 45), (-24, -16, c + 55)], radii=(9, 8), value=BLOOD_HU
    )
    paint_path(
        hu,
        grid,
        points=[(6, back - 4, -40), (4, 26, c), (2, 24, chest.height + 30)],
        radii=[6] * 3,
        value=30,
    )


def paint_airway(hu: np.ndarray, chest: Chest, *, grid: ScannerGrid, joined: bool) -> np.ndarray:
    """Paint the trachea and the main bronchi.

    Args:
        hu: Volume in HU, shape `(D, H, W)`.
        chest: Proportions of the person.
        grid: Grid of the scan.
        joined: True if the bronchi open into the lungs; if not, each ends in soft tissue before
            them, as a bronchus full of mucus does.

    Returns:
        Mask of the air in trachea and main bronchi, bool of shape `(D, H, W)`.
    """
    carina = np.array([0, 8, chest.carina])
    paths = [([(0, 0, chest.height + 40), carina], (8.5, 8.5))]
    for side, radius in ((-1, 7.0), (1, 6.2)):
        entry = hilum(chest, side)
        direction = (entry - carina) / np.linalg.norm(entry - carina)
        end = entry + direction * (12 if joined else -7 - radius)
        paths.append(([carina, end], (radius + 1, radius)))
    airway = np.zeros(hu.shape, bool)
    for points, radii in paths:
        paint_path(hu, grid, points=points, radii=np.add(radii, WALL_MM).tolist(), value=30)
    for points, radii in paths:
        direction = points[1] - np.asarray(points[0])
        # the air extends past the round end of the wall, which would close the bronchus
        past = points[1] + direction / np.linalg.norm(direction) * (
            2 * WALL_MM + 2 if joined else 0
        )
        box, share = tube_share(grid, points[0], end=past, radii=radii)
        blend(hu[box], -1000, share=share)
        airway[box] |= share > 0.5
    return airway


def paint_lung_vessels(
    rng: np.random.Generator, hu: np.ndarray, *, chest: Chest, grid: ScannerGrid, segments: int
) -> None:
    """Paint a tree of `segments` tapering vessels into each lung.

    Each end, nearest to the hilum first, joins the nearest node of the tree; the width of a node
    follows from the ends that it feeds.

    Args:
        rng: Generator of the ends of the tree.
        hu: Volume in HU, shape `(D, H, W)`.
        chest: Proportions of the person.
        grid: Grid of the scan.
        segments: Number of segments in each lung.
    """
    spread = points_in_lungs(rng, chest, n=800)
    spread = spread[lung_depth(chest, spread)[0] > 5]
    for side in (-1, 1):
        root = hilum(chest, side)
        ends = spread[spread[:, 0] * side > 0]
        reach = np.linalg.norm(ends - root, axis=1)
        ends = ends[reach > 14][: segments // 2]
        ends = ends[np.argsort(np.linalg.norm(ends - root, axis=1))]
        nodes, parents = [root], [0]
        for end in ends:
            placed = np.array(nodes)
            detour = np.linalg.norm(placed - end, axis=1) + 0.35 * np.linalg.norm(
                placed - root, axis=1
            )
            parent = int(np.argmin(detour))
            bend = rng.normal(0, 0.07, 3) * np.linalg.norm(end - placed[parent])
            nodes += [0.5 * (placed[parent] + end) + bend, end]
            parents += [parent, len(nodes) - 2]
        load = np.ones(len(nodes))
        load[1::2] = 0
        for i in range(len(nodes) - 1, 0, -1):
            load[parents[i]] += load[i]
        radii = np.minimum(load ** (1 / 2.3), 6)
        for i in range(1, len(nodes)):
            near = min(radii[parents[i]], 1.25 * radii[i])
            far = radii[i] if load[i] > 1 else 0.7 * radii[i]
            paint_path(
                hu, grid, points=[nodes[parents[i]], nodes[i]], radii=(near, far), value=BLOOD_HU
            )
