"""Cubes that the detector learns from: lungs, planted nodules, and crops in their surroundings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from lungcam.detection.crops import Crop, Placed, place
from lungcam.detection.host import NODULE, NOTHING, UNSURE, Host, mark
from lungcam.detection.pyramid import OUTSIDE_HU
from lungcam.nets.detector_net import CELL

SIZE = 40
# how a cube is made, and how often
PLANTED, LUNG, CROP, PIECE = "planted", "lung", "crop", "piece"
KINDS = {PLANTED: 0.4, PIECE: 0.12, CROP: 0.28, LUNG: 0.2}
# how often each level is shown, from the finest
LEVELS = (0.42, 0.3, 0.18, 0.1)
# how often a nodule is planted into tissue, where it merges with a wall, a vessel or the hilum
IN_TISSUE = (0.25, 0.35, 0.5, 0.5)
# how often a cube is centred where something looks like a nodule
HARD_SHARE = {LUNG: 0.75, PLANTED: 0.4, PIECE: 0.4, CROP: 0.4}
# slices thicker than this many voxels show nothing as small as a nodule of a level
THICKEST = 3.5
# widths of nodules in voxels, and the finest pitch at which a crop shows more than its own voxels
WIDTHS, FINEST_MM = (4.5, 14.0), 0.35
JITTER = 7.0
# outline of what is planted, as a share of the nodule in a voxel, and its softness in voxels
PLANTED_SHARE, SOFTNESS, STEEPNESS = 0.15, 0.8, 2.2
# of a crop's surroundings, the outermost voxels are blended, and a little more is not learnt from
BLENDED, UNUSED = 2.0, 2.5
# cells at the faces of a cube are not learnt from: the net sees too little around them
FACE = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Cube:
    """Voxels that the net sees, and its target.

    Attributes:
        hu: `(SIZE, SIZE, SIZE)` float32 HU.
        target: `(c, c, c)` float32 by cell, 1 in the core of a nodule.
        used: `(c, c, c)` bool, cells that are learnt from.
    """

    hu: np.ndarray
    target: np.ndarray
    used: np.ndarray


class CubeMaker:
    """Maker of cubes from crops and whole scans.

    A quarter of the cubes shows lungs as they are, and most others a nodule: planted into another
    lung by its outline, at any place and size, or in its own crop. What the planting itself looks
    like is no sign of a nodule: pieces of other lungs are planted in the same way.

    Args:
        crops: Crops with a nodule each.
        hosts: Whole scans, at the same levels.
    """

    def __init__(self, crops: Sequence[Crop], hosts: Sequence[Host]):
        self.crops, self.hosts = crops, hosts
        weights = np.array([min(3.0, (crop.diameter_mm / 6) ** 0.7) for crop in crops])
        self.crop_weights = weights / weights.sum()

    def make(self, rng: np.random.Generator) -> Cube:
        """Make a cube; equal generators make equal cubes."""
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        level = int(rng.choice(len(LEVELS), p=LEVELS))
        host, corner, nodule_index = self._find_place(level, kind=kind, rng=rng)
        hu = cut(host.levels[level].hu, corner, fill=OUTSIDE_HU).astype(np.float32)
        searched = cut(host.levels[level].searched, corner)
        truth = cut(host.truth[level], corner)
        truth[~searched] = UNSURE
        if kind != LUNG:
            placed = self._place_crop(nodule_index, rng=rng)
            if kind == PLANTED:
                hu = plant(hu, placed.hu, placed=placed)
                _mark(truth, placed)
            elif kind == PIECE:
                hu = plant(hu, self._other_lung(level, rng=rng), placed=placed)
            else:
                hu += np.clip(placed.depth / BLENDED, 0, 1) * (placed.hu - hu)
                truth[:] = np.where(placed.depth > UNUSED, NOTHING, UNSURE)
                _mark(truth, placed)
        return to_cells(*_vary(hu, truth, rng=rng))

    def _find_place(
        self, level: int, *, kind: str, rng: np.random.Generator
    ) -> tuple[Host, np.ndarray, np.ndarray]:
        """Choose a host, the corner of a cube in it, and the place of a nodule in the cube."""
        for _ in range(20):
            host = self._choose_host(level, rng=rng)
            tissue = host.tissue[level]
            if kind == PLANTED and len(tissue) and rng.random() < IN_TISSUE[level]:
                middle = tissue[rng.integers(len(tissue))]
            elif len(host.hard[level]) and rng.random() < HARD_SHARE[kind]:
                middle = host.hard[level][rng.integers(len(host.hard[level]))]
                middle = middle + rng.integers(-6, 7, 3)
            else:
                middle = host.places[level][rng.integers(len(host.places[level]))]
            corner = middle - SIZE // 2
            nodule_index = np.full(3, SIZE / 2 - 0.5) + rng.uniform(-JITTER, JITTER, 3)
            if kind != PLANTED or _is_in(
                host.levels[level].searched, corner + np.rint(nodule_index)
            ):
                break
        return host, corner, nodule_index

    def _choose_host(self, level: int, *, rng: np.random.Generator) -> Host:
        """Choose a host by the size of its lungs, if its slices are thin enough for the level."""
        fit = [
            host
            for host in self.hosts
            if host.slice_mm <= THICKEST * host.levels[level].spacing_mm and len(host.places[level])
        ] or list(self.hosts)
        sizes = np.array([len(host.places[level]) for host in fit]) ** 0.5
        return fit[int(rng.choice(len(fit), p=sizes / sizes.sum()))]

    def _place_crop(self, middle: np.ndarray, *, rng: np.random.Generator) -> Placed:
        """Place a nodule in a cube, turned and as wide as chance will have it."""
        crop = self.crops[int(rng.choice(len(self.crops), p=self.crop_weights))]
        pitch_mm = max(crop.diameter_mm / rng.uniform(*WIDTHS), FINEST_MM)
        axes = [0, 1, 2] if rng.random() < 0.5 else [1, 0, 2]
        if rng.random() < 0.25:
            axes = [int(axis) for axis in rng.permutation(3)]
        signs = [int(sign) for sign in rng.choice([-1, 1], 3)]
        return place(crop, pitch_mm=pitch_mm, middle=middle, size=SIZE, axes=axes, signs=signs)

    def _other_lung(self, level: int, *, rng: np.random.Generator) -> np.ndarray:
        """Return a cube of lung without a lesion."""
        for _ in range(20):
            host, corner, _ = self._find_place(level, kind=PIECE, rng=rng)
            if (cut(host.truth[level], corner) == NOTHING).all():
                break
        return cut(host.levels[level].hu, corner, fill=OUTSIDE_HU).astype(np.float32)


def cut(volume: np.ndarray, corner: np.ndarray, *, size: int = SIZE, fill: int = 0) -> np.ndarray:
    """Cut a cube out of a volume; what lies beyond the volume is `fill`.

    Args:
        volume: `(W, H, D)` array.
        corner: `(3,)` index of the cube's first voxel, in the volume or beyond.
        size: Side of the cube.
        fill: Value beyond the volume.
    """
    cube = np.full((size,) * 3, fill, volume.dtype)
    first = np.maximum(corner, 0)
    last = np.minimum(np.asarray(corner) + size, volume.shape)
    if (last > first).all():
        inside = tuple(map(slice, first - corner, last - corner))
        cube[inside] = volume[tuple(map(slice, first, last))]
    return cube


def plant(hu: np.ndarray, content: np.ndarray, *, placed: Placed) -> np.ndarray:
    """Blend a content into a cube by the outline of a placed nodule.

    In the nodule the content replaces what was there; around it the brighter of both stays, so that
    a nodule at a vessel or a wall has no dark rim.

    Args:
        hu: `(n, n, n)` HU.
        content: `(n, n, n)` HU.
        placed: The placed nodule.
    """
    outline = (placed.nodule > PLANTED_SHARE).astype(np.float32)
    share = np.clip(gaussian_filter(outline, SOFTNESS) * STEEPNESS, 0, 1) * (placed.depth > 0)
    blended = hu + share * (content - hu)
    return np.where(placed.nodule > 0.5, blended, np.maximum(hu, blended))


def to_cells(hu: np.ndarray, truth: np.ndarray) -> Cube:
    """Return a cube with the truth of each cell; cells of several truths are not learnt from."""
    cells = truth.shape[0] // CELL
    blocks = truth.reshape(cells, CELL, cells, CELL, cells, CELL)
    nodule = (blocks == NODULE).mean((1, 3, 5))
    used = ((blocks != UNSURE).mean((1, 3, 5)) > 0.5) & ((nodule > 0.5) | (nodule == 0))
    inner = np.zeros_like(used)
    inner[FACE:-FACE, FACE:-FACE, FACE:-FACE] = True
    return Cube(
        hu=np.ascontiguousarray(hu, np.float32),
        target=(nodule > 0.5).astype(np.float32),
        used=used & inner,
    )


def _mark(truth: np.ndarray, placed: Placed) -> None:
    """Mark a placed nodule, whatever its size: it was made to fit the level."""
    nodule = placed.nodule > 0.4
    if nodule.any():
        mark(truth, nodule, any_size=True)


def _is_in(searched: np.ndarray, index: np.ndarray) -> bool:
    """Return True if a place lies in the searched region."""
    index = index.astype(int)
    return bool((index >= 0).all() and (index < searched.shape).all()) and bool(
        searched[tuple(index)]
    )


def _vary(
    hu: np.ndarray, truth: np.ndarray, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Vary sharpness, noise, brightness and pose: of all that was put together alike."""
    if rng.random() < 0.6:
        hu = gaussian_filter(hu, rng.uniform(0.3, 0.9))
    if rng.random() < 0.7:
        noise = rng.standard_normal(hu.shape, np.float32)
        if rng.random() < 0.5:
            noise = gaussian_filter(noise, 0.7) * 2.5
        hu = hu + noise * rng.uniform(5, 60)
    hu = hu + rng.uniform(-30, 30)
    signs = tuple(slice(None, None, int(step)) for step in rng.choice([-1, 1], 3))
    hu, truth = hu[signs], truth[signs]
    if rng.random() < 0.5:
        hu, truth = hu.transpose(1, 0, 2), truth.transpose(1, 0, 2)
    return hu, truth
