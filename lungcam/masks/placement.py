"""Checks that a mask lies where its scan lies: same frame, inside the body, not mirrored.

A mask that was written with another orientation than it was drawn in has the right shape in the
wrong place. Nothing in its file says so, but the scan does: the outline of a lesion follows an edge
in HU, and lungs hold air. Each check compares the mask with its mirror images.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cc3d
import numpy as np

from lungcam.grid import Grid, reorient
from lungcam.lungs import dilate
from lungcam.lungs.segment import coarse_grid
from lungcam.masks.mask import Mask, MaskFault, mask_on
from lungcam.scans import Scan

# least share of a mask's volume within the scan, and within the body
LEAST_INSIDE = 0.5
LEAST_IN_BODY = 0.5
# a frame was drawn on a slice if it lies within this share of the spacing of it
ON_SLICE_SHARE = 0.5
# air outside the patient is darker than lung
OUTSIDE_HU = -900
AERATED_HU = (-1000, -500)
# width of the shell of a lesion that is compared with its inside
SHELL_MM = 4.0
# brightness against the shell below which a mask, and above which a mirror image refuses it.
# Of readers' outlines (LIDC-IDRI, n = 333) 0.3 % are below 0.6 and 4 % below 0.7; of 1,539 random
# places in two chests 78 % and 95 %, while 2 % are above 0.75 and 0.1 % above 0.85
EDGES = ((0.6, 0.75), (0.7, 0.85))
# least air in the chest, in mL, that shows where the lungs are
LEAST_AIR_ML = 300.0
LEAST_AIR_SHARE = 0.5
MIRRORED_AIR = 0.04
AXES = ("left and right", "front and back", "head and foot")


def check_lesion(mask: Mask, scan: Scan) -> None:
    """Refuse the mask of a lesion in the wrong place.

    Raises:
        MaskFault: It lies in another frame, outside the scan or the body, or is mirrored.
    """
    view = _view(scan)
    inside = _check_place(mask, scan, view=view)
    _check_body(inside, view)
    box = _box(inside, view.grid, margin_mm=SHELL_MM)
    own = _edge(view.hu[box], inside[box], view.grid)
    # what the edge of a mirror image must exceed
    limits = [limit for least, limit in EDGES if own < least]
    if not limits:
        return
    for axes, hu in _mirror_images(view, box):
        if _edge(hu, inside[box], view.grid) > min(limits):
            raise MaskFault(f"{_named(axes)} are exchanged: its mirror image fits the scan, not it")


def check_lungs(mask: Mask, scan: Scan) -> None:
    """Refuse the mask of the lungs in the wrong place.

    Raises:
        MaskFault: It lies in another frame or outside the scan, holds little of the air in the
            chest, or is mirrored.
    """
    view = _view(scan)
    inside = _check_place(mask, scan, view=view)
    _check_body(inside, view)
    steps, every = coarse_grid(view.grid.spacing_mm)
    low, high = AERATED_HU
    # the skin is a mixture of air and tissue
    air = view.body(high)[every] & (view.hu[every] >= low) & (view.hu[every] <= high)
    voxel_ml = np.prod(view.grid.spacing_mm) * np.prod(steps) / 1000
    if air.sum() * voxel_ml < LEAST_AIR_ML:
        # both lungs opaque: nothing to compare with
        return
    lungs = inside[every]
    share = (lungs & air).sum() / air.sum()
    overlap = _overlap(lungs, air)
    best = max(
        _axis_sets(),
        key=lambda axes: _overlap(np.flip(lungs, axes), air),
    )
    if _overlap(np.flip(lungs, best), air) > overlap + MIRRORED_AIR:
        raise MaskFault(f"{_named(best)} are exchanged: its mirror image fits the scan, not it")
    if share < LEAST_AIR_SHARE:
        raise MaskFault(f"it holds {share:.0%} of the air in the chest, so it is not the lungs'")


@dataclass(frozen=True, eq=False)
class _View:
    """A scan in RAS+ order.

    Attributes:
        hu: `(W, H, D)` HU.
        grid: Its grid.
    """

    hu: np.ndarray
    grid: Grid

    def body(self, darkest: float = OUTSIDE_HU) -> np.ndarray:
        """Return `(W, H, D)` bool: all but what is darker and reaches the sides of its slice."""
        steps, every = coarse_grid(self.grid.spacing_mm)
        dark = np.ascontiguousarray(self.hu[every] < darkest)
        # a margin joins the air of all sides
        padded = np.pad(dark, ((1, 1), (1, 1), (0, 0)), constant_values=True)
        outside = np.zeros_like(padded)
        for k in range(padded.shape[2]):
            labels = cc3d.connected_components(padded[:, :, k], connectivity=4)
            outside[:, :, k] = labels == labels[0, 0]
        inner = ~outside[1:-1, 1:-1]
        for axis, step in enumerate(steps):
            inner = np.repeat(inner, step, axis=axis)
        return inner[tuple(slice(size) for size in self.hu.shape)]


def _view(scan: Scan) -> _View:
    canonical = scan.grid.canonical
    return _View(reorient(scan.hu, scan.grid, target=canonical), canonical)


def _check_place(mask: Mask, scan: Scan, *, view: _View) -> np.ndarray:
    """Check frame, source slices and extent; return the mask in the view, `(W, H, D)` bool."""
    if mask.frame_uid and scan.frame_uid and mask.frame_uid != scan.frame_uid:
        raise MaskFault("it lies in another frame of reference than the scan")
    _check_sources(mask, scan)
    if axes := _mirrored_grid(mask.grid.canonical, view.grid):
        raise MaskFault(f"{_named(axes)} are exchanged: its grid mirrors the scan's")
    mask = mask.cropped()
    inside = mask_on(mask, view.grid)
    voxel = abs(np.linalg.det(mask.grid.affine[:3, :3]))
    volume = float(mask.share.sum(dtype=np.float64)) * voxel
    within = float(inside.sum()) * float(np.prod(view.grid.spacing_mm))
    # a mask of a few voxels may be thinner than the scan's
    if not inside.any() or (within < LEAST_INSIDE * volume and _reaches_beyond(mask.grid, view)):
        raise MaskFault(f"{within / max(volume, 1e-9):.0%} of it lies within the scan")
    return inside


def _reaches_beyond(grid: Grid, view: _View) -> bool:
    """Return True if any corner of a grid lies outside the scan."""
    corners = np.array(list(product(*([0, n - 1] for n in grid.shape))))
    index = view.grid.to_index(grid.to_world(corners))
    return bool((index < -0.5).any() or (index > np.array(view.grid.shape) - 0.5).any())


def _check_sources(mask: Mask, scan: Scan) -> None:
    """Refuse planes that lie elsewhere than the slices that they name as theirs."""
    if not scan.slices:
        return
    normal = np.cross(*np.array(scan.slices[0].orientation).reshape(2, 3))
    limit = ON_SLICE_SHARE * scan.grid.spacing_mm[2] + 0.01
    for header in scan.slices:
        point = mask.drawn_on.get(header.sop_uid)
        if point is None:
            continue
        off = abs(float((point - header.position) @ normal))
        if off > limit:
            raise MaskFault(f"a plane of it lies {off:.1f} mm off the slice that it was drawn on")


def _mirrored_grid(mask: Grid, scan: Grid) -> tuple[int, ...]:
    """Return the axes of the patient in which a mask's grid mirrors the scan's; () if in none.

    Programs that take LPS for RAS write such grids: as many voxels as the scan's, and axes reversed
    about the scanner's origin.
    """
    if mask.shape != scan.shape:
        return ()
    corners = np.array(list(product(*([0, n - 1] for n in scan.shape))))
    for axes in ((), *_axis_sets()):
        mirror = np.diag([-1.0 if axis in axes else 1.0 for axis in range(3)] + [1.0])
        mirrored = Grid(mask.shape, mirror @ mask.affine).canonical
        if mirrored.shape != scan.shape:
            continue
        off = np.abs(scan.to_index(mirrored.to_world(corners)) - corners).max()
        if off < 0.5:
            return axes
    return ()


def _check_body(inside: np.ndarray, view: _View) -> None:
    share = (inside & view.body()).sum() / inside.sum()
    if share < LEAST_IN_BODY:
        raise MaskFault(f"{share:.0%} of it lies in the body")


def _box(mask: np.ndarray, grid: Grid, *, margin_mm: float) -> tuple[slice, ...]:
    """Return the box around a mask, with a margin within the volume."""
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        margin = int(np.ceil(margin_mm / grid.spacing_mm[axis]))
        box.append(slice(max(0, filled[0] - margin), filled[-1] + margin + 1))
    return tuple(box)


def _edge(hu: np.ndarray, mask: np.ndarray, grid: Grid) -> float:
    """Return the probability that a voxel of a mask is brighter than a voxel of its shell."""
    shell = dilate(mask, grid.spacing_mm, distance_mm=SHELL_MM) & ~mask
    inner, outer = hu[mask], np.sort(hu[shell])
    if not outer.size:
        return 1.0
    # equal values count half
    below = np.searchsorted(outer, inner, "left") + np.searchsorted(outer, inner, "right")
    return float(below.mean() / (2 * outer.size))


def _axis_sets() -> Iterator[tuple[int, ...]]:
    for flips in product((False, True), repeat=3):
        if any(flips):
            yield tuple(axis for axis in range(3) if flips[axis])


def _mirror_images(
    view: _View, box: tuple[slice, ...]
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield the HU in the mirror images of a box, with the mirrored axes.

    The scan is mirrored about its own middle, as by an array that runs backwards, and about the
    scanner's origin, as by a header in another system of axes.
    """
    middle = np.array(view.grid.shape) - 1
    origin = np.rint(2 * view.grid.to_index(np.zeros(3))).astype(int)
    for axes, ends in product(_axis_sets(), (middle, origin)):
        index = []
        for axis, side in enumerate(box):
            own = np.arange(side.start, min(side.stop, view.grid.shape[axis]))
            index.append(ends[axis] - own if axis in axes else own)
        if all(i.min() >= 0 and i.max() < n for i, n in zip(index, view.grid.shape, strict=True)):
            yield axes, view.hu[np.ix_(*index)]


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def _named(axes: tuple[int, ...]) -> str:
    return ", ".join(AXES[axis] for axis in axes)
