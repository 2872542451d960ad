"""Lungs and heat-map as one volume of two components, small enough to draw quickly.

Two separate volumes in one scene would be blended one after the other instead of voxel by voxel.

The rim of chest wall that a lung mask may hold, which would hide the lungs like a shell.

Tissue around the heat, made glassy so that it does not hide what glows inside.

A volume on a coarser or finer grid over the same box, one axis after the other.
"""

import cc3d
import numpy as np
from scipy import ndimage
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData

from lungcam.render.transfer_functions import (
    GRADIENT,
    HEAT_FLOOR,
    TransferFunctions,
    at,
    to_display,
)

RIM_MM = 6.0
DENSE = 106
"""About -450 HU on the default window: between aerated lung and soft tissue."""


def wall_rim(
    shown: np.ndarray, share: np.ndarray, *, side_mm: float, dense: float = DENSE
) -> np.ndarray:
    """Find the soft tissue that a lung mask holds along its surface.

    Masks are often dilated by a few millimetres, or have gaps filled slice by slice. What is
    reached from outside through soft tissue alone, up to 6 mm deep, is chest wall, heart or
    diaphragm; vessels and nodules lie deeper or behind aerated lung.

    Args:
        shown: `(W, H, D)` lungs on the display scale, 0 outside.
        share: `(W, H, D)` share of each voxel that is in the mask, 0 to 1.
        side_mm: Size of a voxel.
        dense: Display value from which tissue is soft tissue.

    Returns:
        `(W, H, D)` bool: outside, and the rim.
    """
    outside = share < 0.5
    soft = shown > dense * share
    for _ in range(round(RIM_MM / side_mm)):
        grown = outside.copy(order="K")  # in the order of its neighbours: mixed is slow
        for axis in range(3):
            new, old = np.moveaxis(grown, axis, 0), np.moveaxis(outside, axis, 0)
            new[1:] |= old[:-1]
            new[:-1] |= old[1:]
        outside |= grown & soft
    return outside


LUMP_MM = 6.0
"""Least width of a dense lump: thinner are vessels, which hide little."""

AROUND_MM = 3.0
"""How far beyond the heat, and beyond the lumps that hold it, tissue is made glassy."""

WITHIN_MM = 25.0
"""How far from the heat a lump may reach."""


def fade_around_heat(shown: np.ndarray, share: np.ndarray, *, side_mm: float, haze: float) -> None:
    """Cap the lungs' display values where there is heat, and in dense lumps that hold heat.

    A nodule is all but opaque: heat inside would show as a pale tint of its surface or not at all.

    Args:
        shown: `(W, H, D)` lungs on the display scale; changed in place.
        share: `(W, H, D)` heat as a share of its peak.
        side_mm: Size of a voxel.
        haze: Highest display value that is translucent.
    """
    hot = share > HEAT_FLOOR
    found = ndimage.find_objects(hot.astype(np.uint8))
    if not found:
        return
    margin = round(WITHIN_MM / side_mm)
    near = tuple(slice(max(0, s.start - margin), s.stop + margin) for s in found[0])
    hot = hot[near]
    cleared = _grown(hot | _lumps(shown[near] > DENSE, hot, side_mm=side_mm), AROUND_MM / side_mm)
    # without a sharp edge, which would be drawn as one
    edge = ndimage.uniform_filter(cleared.astype(np.float32), 2 * round(1.5 / side_mm) + 1)
    np.minimum(shown[near], 255 - (255 - haze) * edge, out=shown[near])


def _lumps(dense: np.ndarray, hot: np.ndarray, *, side_mm: float) -> np.ndarray:
    """The lumps of dense tissue that hold heat, without the vessels that lead to them."""
    width = max(1, round(LUMP_MM / side_mm))
    cores = cc3d.connected_components(ndimage.minimum_filter(dense, width), connectivity=6)
    held = np.zeros(cores.max() + 1, dtype=bool)
    held[cores[_grown(hot, width / 2)]] = True
    held[0] = False
    return _grown(held[cores], width / 2)


def _grown(mask: np.ndarray, voxels: float) -> np.ndarray:
    return ndimage.maximum_filter(mask, 2 * round(voxels) + 1)


def resampling_weights(n: int, m: int) -> np.ndarray:
    """`(m, n)` weights from n voxels to m over the same length.

    Fewer voxels are averages under a triangle. More voxels follow a quadratic B-spline: between
    thick slices its slope is continuous, where linear interpolation would draw a contour at each.
    """
    centre = (np.arange(m) + 0.5) * n / m - 0.5
    away = np.abs(np.arange(n) - centre[:, None])
    if n >= m:
        weights = np.maximum(0.0, 1 - away * m / n)
    else:
        weights = np.where(away < 0.5, 0.75 - away**2, 0.5 * np.maximum(0.0, 1.5 - away) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resample(values: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Apply such weights along each axis of `(W, H, D)` values; float32."""
    values = np.asarray(values, dtype=np.float32)
    for along in weights:
        # One large product an axis: many small ones wait for each other on a busy machine.
        n, *rest = values.shape
        values = (along @ values.reshape(n, -1)).reshape(-1, *rest).transpose(1, 2, 0)
    return values


MAX_SIDE = 256
LUNG_MARGIN_MM = 4.0
HEAT_MARGIN_MM = 25.0
HAZE, HIDES = 0.06, 0.2
"""Opacities of a millimetre that still lets what lies behind be seen, and that hides it soon."""


def lungs_and_heat(
    hu: np.ndarray,
    lungs: np.ndarray,
    *,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
    functions: TransferFunctions = GRADIENT,
    most: int = MAX_SIDE,
) -> vtkImageData:
    """Crop, mask and reduce a scan and its heat-map to what is drawn.

    Args:
        hu: `(W, H, D)` scan in HU, its axes along the patient's right, front and head (RAS+).
        lungs: `(W, H, D)` bool. Neither the scan outside it nor a rim of soft tissue inside it is
            drawn; the heat-map is, up to 25 mm beyond the lungs' bounding box.
        heat: `(W, H, D)`, finite and at least 0, or None. Shown as a share of its own maximum.
        spacing_mm: Size of a voxel along each axis.
        functions: How the lungs will be drawn, which tells what would hide what.
        most: Voxels along the longest side.

    Returns:
        Image of so many voxels along each side at most, uint8, in millimetres from the centre of
        voxel (0, 0, 0) of `hu`. Component 0: the lungs on the display scale, 0 outside. Component
        1: the heat, 0-255 for 0-1 of its maximum. The topmost layer, one more, is not to be drawn.

    Raises:
        ValueError: If shapes differ, the spacing is not positive, no voxel is lung, or the heat has
            a value that is negative or not finite.
    """
    check_volumes(hu, lungs, heat=heat, spacing_mm=spacing_mm)
    spacing = np.asarray(spacing_mm, dtype=float)
    peak = 0.0 if heat is None else float(heat.max())
    hot = heat > HEAT_FLOOR * peak if peak > 0 else None
    start, stop = _box(lungs, hot, spacing=spacing)
    crop = tuple(map(slice, start, stop))

    count = stop - start
    side_mm = max((count * spacing).max() / most, spacing.min() / 2)
    weights = [
        resampling_weights(n, round(n * mm / side_mm) or 1)
        for n, mm in zip(count, spacing, strict=True)
    ]
    shown = resample(np.where(lungs[crop], to_display(hu[crop]), 0), weights)
    dense = min(DENSE, _reaching(functions, HIDES))
    shown[wall_rim(shown, resample(lungs[crop], weights), side_mm=side_mm, dense=dense)] = 0
    components = [shown]
    if peak > 0:
        share = resample(np.asarray(heat[crop], np.float32) / np.float32(peak), weights)
        fade_around_heat(shown, share, side_mm=side_mm, haze=_reaching(functions, HAZE))
        components.append(255 * share)

    reduced = np.array([len(w) for w in weights])
    scale = count / reduced
    # The graphics card's mapper scales both components by the range of values it finds, so the
    # full range has to occur in each: in a corner of a layer of its own, which is cropped away.
    voxels = np.zeros((reduced[2] + 1, reduced[1], reduced[0], 2), dtype=np.uint8)
    voxels[-1, 0, 0] = 255
    for index, component in enumerate(components):
        voxels[:-1, ..., index] = np.rint(component).clip(0, 255).transpose(2, 1, 0)
    image = vtkImageData()
    image.SetDimensions(*voxels.shape[2::-1])
    image.SetSpacing(*(spacing * scale))
    image.SetOrigin(*((start + (scale - 1) / 2) * spacing))
    image.GetPointData().SetScalars(numpy_to_vtk(voxels.reshape(-1, 2), deep=True))
    return image


def surface_points(image: vtkImageData) -> np.ndarray:
    """Find where what is drawn begins and ends along each row of voxels from right to left.

    Args:
        image: As `lungs_and_heat` makes it.

    Returns:
        `(n, 3)` in mm; of the whole box if nothing is drawn.
    """
    shape = (*image.GetDimensions()[::-1], 2)
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)[:-1]
    drawn = (voxels[..., 0] > 0) | (voxels[..., 1] > 255 * HEAT_FLOOR)
    if not drawn.any():
        drawn[:] = True
    z, y = np.nonzero(drawn.any(axis=2))
    rows = drawn[z, y]
    first, last = rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([first, y, z], 1), np.stack([last, y, z], 1)])
    return ends * image.GetSpacing() + image.GetOrigin()


def check_volumes(
    hu: np.ndarray,
    lungs: np.ndarray,
    *,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
) -> None:
    """Refuse volumes that cannot be drawn; arguments as of `lungs_and_heat`.

    Raises:
        ValueError: As there.
    """
    if hu.ndim != 3 or hu.shape != lungs.shape or (heat is not None and heat.shape != hu.shape):
        shapes = [a.shape for a in (hu, lungs, heat) if a is not None]
        raise ValueError(f"Scan, lungs and heat-map must share one 3D grid, but are {shapes}.")
    if len(spacing_mm) != 3 or not all(0 < mm < np.inf for mm in spacing_mm):
        raise ValueError(f"The spacing must be three positive lengths in mm, not {spacing_mm}.")
    if not lungs.any():
        raise ValueError("The lung mask is empty, so there is nothing to draw.")
    if heat is not None and not (np.isfinite(heat).all() and heat.min() >= 0):
        raise ValueError("The heat-map must be finite and nowhere negative.")


def _reaching(functions: TransferFunctions, opacity: float) -> float:
    """The least display value that is drawn so densely; 255 if none is."""
    values = np.arange(256)
    reached = at(functions.opacity, values) >= opacity
    return float(values[reached.argmax()]) if reached.any() else 255.0


def _box(lungs: np.ndarray, hot: np.ndarray | None, *, spacing: np.ndarray):
    """First and end voxel of the lungs with a margin, and of the heat not far beyond them."""
    shape = np.array(lungs.shape)
    start, stop = _bounds(lungs)
    start, stop = start - LUNG_MARGIN_MM / spacing, stop + LUNG_MARGIN_MM / spacing
    if hot is not None:
        hot_start, hot_stop = _bounds(hot)
        start = np.minimum(start, np.maximum(hot_start, start - HEAT_MARGIN_MM / spacing))
        stop = np.maximum(stop, np.minimum(hot_stop, stop + HEAT_MARGIN_MM / spacing))
    return np.maximum(np.floor(start), 0).astype(int), np.minimum(np.ceil(stop), shape).astype(int)


def _bounds(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    planes = mask.any(axis=2)
    sides = [planes.any(axis=1), planes.any(axis=0), mask.any(axis=(0, 1))]
    found = [np.flatnonzero(side) for side in sides]
    return np.array([f[0] for f in found]), np.array([f[-1] + 1 for f in found])
