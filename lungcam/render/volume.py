"""Lungs and heat-map as one volume of two components, small enough to draw quickly.

Two separate volumes in one scene would be blended one after the other instead of voxel by voxel.
"""

import cc3d
import numpy as np
from scipy import ndimage
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData

from lungcam.heat_colors import HEAT_FLOOR, interpolate_table
from lungcam.render.transfer_functions import GRADIENT, TransferFunctions, to_display

MAX_SIDE = 256
LUNG_MARGIN_MM = 4.0
HEAT_MARGIN_MM = 25.0
TRANSLUCENT, OPAQUE = 0.06, 0.2
"""Opacity per millimetre up to which tissue behind is visible, and from which it is soon hidden."""

DENSE = 106
"""Display value of about -450 HU: between aerated lung and soft tissue."""

RIM_MM = 6.0
"""Depth to which soft tissue along the mask's surface is removed."""

LUMP_MM = 6.0
"""Smallest width of a dense lump: narrower tissue is vessels, which hide little."""

FADE_MM = 3.0
"""Distance from the heat, and from lumps that hold it, up to which tissue is faded."""

LUMP_REACH_MM = 25.0
"""Distance from the heat up to which a lump is followed."""


def build_volume(
    hu: np.ndarray,
    lungs: np.ndarray,
    *,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
    functions: TransferFunctions = GRADIENT,
    max_side: int = MAX_SIDE,
) -> vtkImageData:
    """Crop, mask and resample a scan and its heat-map to a volume for drawing.

    Args:
        hu: `(W, H, D)` scan in HU, its axes along the patient's right, front and head (RAS+).
        lungs: `(W, H, D)` bool. Neither the scan outside it nor a rim of soft tissue inside it is
            drawn; the heat-map is, up to 25 mm beyond the lungs' bounding box.
        heat: `(W, H, D)`, finite and at least 0, or None. Drawn as a share of its own maximum.
        spacing_mm: Size of a voxel along each axis.
        functions: Transfer functions of the lungs, which decide what would hide the heat.
        max_side: Voxels along the longest side, at most.

    Returns:
        Image of at most `max_side` voxels along each side, uint8, in millimetres from the centre of
        voxel (0, 0, 0) of `hu`. Component 0: the lungs on the display scale, 0 outside. Component
        1: the heat, 0-255 for 0-1 of its maximum. One more layer at the top must not be drawn.

    Raises:
        ValueError: If shapes differ, the spacing is not positive, no voxel is lung, or the heat has
            a value that is negative or not finite.
    """
    check_volumes(hu, lungs, heat=heat, spacing_mm=spacing_mm)
    spacing = np.asarray(spacing_mm, dtype=float)
    peak = 0.0 if heat is None else float(heat.max())
    hot = heat > HEAT_FLOOR * peak if peak > 0 else None
    start, stop = _crop_box(lungs, hot, spacing=spacing)
    crop = tuple(map(slice, start, stop))

    count = stop - start
    side_mm = max((count * spacing).max() / max_side, spacing.min() / 2)
    weights = [
        resampling_weights(n, round(n * mm / side_mm) or 1)
        for n, mm in zip(count, spacing, strict=True)
    ]
    display = resample(np.where(lungs[crop], to_display(hu[crop]), 0), weights)
    dense = min(DENSE, _value_of_opacity(functions, OPAQUE))
    display[wall_rim(display, resample(lungs[crop], weights), side_mm=side_mm, dense=dense)] = 0
    if functions.shell is not None:
        display[surface(display, dense=dense)] = functions.shell
    components = [display]
    if peak > 0:
        share = resample(np.asarray(heat[crop], np.float32) / np.float32(peak), weights)
        cap = _value_of_opacity(functions, TRANSLUCENT)
        fade_around_heat(display, share, side_mm=side_mm, cap=cap)
        components.append(255 * share)
    return _to_image(components, start, size=count, spacing=spacing)


def check_volumes(
    hu: np.ndarray,
    lungs: np.ndarray,
    *,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
) -> None:
    """Refuse volumes that cannot be drawn.

    Args:
        hu: See `build_volume`, as the other arguments.
        lungs: See `build_volume`.
        heat: See `build_volume`.
        spacing_mm: See `build_volume`.

    Raises:
        ValueError: As `build_volume`.
    """
    if hu.ndim != 3 or hu.shape != lungs.shape or (heat is not None and heat.shape != hu.shape):
        shapes = [a.shape for a in (hu, lungs, heat) if a is not None]
        raise ValueError(f"Scan, lungs and heat-map must share one 3D grid, but are {shapes}.")
    if len(spacing_mm) != 3 or not all(0 < mm < np.inf for mm in spacing_mm):
        raise ValueError(f"The spacing must be three positive lengths in mm, not {spacing_mm}.")
    if not lungs.any():
        raise ValueError("The lung mask is empty, so there is nothing to draw.")
    # NaN is neither
    if heat is not None and not (heat.min() >= 0 and heat.max() < np.inf):
        raise ValueError("The heat-map must be finite and nowhere negative.")


def surface_points(image: vtkImageData) -> np.ndarray:
    """Find the first and last visible voxel of each row from right to left.

    Args:
        image: Volume from `build_volume`.

    Returns:
        `(n, 3)` in mm; those of the whole box if nothing is visible.
    """
    shape = (*image.GetDimensions()[::-1], 2)
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)[:-1]
    visible = (voxels[..., 0] > 0) | (voxels[..., 1] > 255 * HEAT_FLOOR)
    if not visible.any():
        visible[:] = True
    z, y = np.nonzero(visible.any(axis=2))
    rows = visible[z, y]
    first, last = rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([first, y, z], 1), np.stack([last, y, z], 1)])
    return ends * image.GetSpacing() + image.GetOrigin()


def resampling_weights(n: int, m: int) -> np.ndarray:
    """Return `(m, n)` weights that resample n voxels to m over the same length.

    Fewer voxels are averages under a triangle. More voxels follow a quadratic B-spline: between
    thick slices its slope is continuous, where linear interpolation would draw a contour at each.
    """
    centre = (np.arange(m) + 0.5) * n / m - 0.5
    distance = np.abs(np.arange(n) - centre[:, None])
    if n >= m:
        weights = np.maximum(0.0, 1 - distance * m / n)
    else:
        weights = np.where(
            distance < 0.5, 0.75 - distance**2, 0.5 * np.maximum(0.0, 1.5 - distance) ** 2
        )
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resample(values: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Apply the weights of each axis to `(W, H, D)` values; float32."""
    values = np.asarray(values, dtype=np.float32)
    for matrix in weights:
        # one large product per axis: many small ones wait for each other on a busy machine
        n, *rest = values.shape
        values = (matrix @ values.reshape(n, -1)).reshape(-1, *rest).transpose(1, 2, 0)
    return values


def wall_rim(
    display: np.ndarray, share: np.ndarray, *, side_mm: float, dense: float = DENSE
) -> np.ndarray:
    """Find the soft tissue that a lung mask holds along its surface, which would hide the lungs.

    Masks are often dilated by a few millimetres, or have gaps filled slice by slice. Tissue that is
    reached from outside through soft tissue alone, up to 6 mm deep, is chest wall, heart or
    diaphragm; vessels and nodules lie deeper or behind aerated lung.

    Args:
        display: `(W, H, D)` lungs on the display scale, 0 outside.
        share: `(W, H, D)` share of each voxel that is in the mask, 0 to 1.
        side_mm: Size of a voxel.
        dense: Display value from which tissue is soft tissue.

    Returns:
        `(W, H, D)` bool: outside, and the rim.
    """
    outside = share < 0.5
    soft = display > dense * share
    for _ in range(round(RIM_MM / side_mm)):
        grown = outside.copy(order="K")  # in the memory order of the others: mixed is slow
        for axis in range(3):
            new, old = np.moveaxis(grown, axis, 0), np.moveaxis(outside, axis, 0)
            new[1:] |= old[:-1]
            new[:-1] |= old[1:]
        outside |= grown & soft
    return outside


def surface(display: np.ndarray, *, dense: float = DENSE) -> np.ndarray:
    """Find the outermost voxels of the lungs, except for dense tissue at their wall.

    Args:
        display: `(W, H, D)` lungs on the display scale, 0 outside.
        dense: Display value from which tissue is soft tissue.
    """
    inside = display > 0
    deep = np.zeros_like(inside)
    middle = (slice(1, -1),) * 3
    deep[middle] = inside[middle]
    for axis in range(3):
        for step in (1, -1):
            deep &= np.roll(inside, step, axis)
    return inside & ~deep & (display < dense)


def fade_around_heat(display: np.ndarray, share: np.ndarray, *, side_mm: float, cap: float) -> None:
    """Cap the lungs' display values at the heat and in dense lumps that hold heat.

    A nodule is almost opaque: heat inside would show as a pale tint of its surface or not at all.

    Args:
        display: `(W, H, D)` lungs on the display scale; changed in place.
        share: `(W, H, D)` heat as a share of its peak.
        side_mm: Size of a voxel.
        cap: Highest display value that is translucent.
    """
    hot = share > HEAT_FLOOR
    boxes = ndimage.find_objects(hot.astype(np.uint8))
    if not boxes:
        return
    margin = round(LUMP_REACH_MM / side_mm)
    near = tuple(slice(max(0, s.start - margin), s.stop + margin) for s in boxes[0])
    hot = hot[near]
    lumps = _lumps_with_heat(display[near] > DENSE, hot, side_mm=side_mm)
    faded = _dilate(hot | lumps, FADE_MM / side_mm)
    # smooth: a sharp edge would be drawn as a surface
    smooth = ndimage.uniform_filter(faded.astype(np.float32), 2 * round(1.5 / side_mm) + 1)
    np.minimum(display[near], 255 - (255 - cap) * smooth, out=display[near])


def _lumps_with_heat(dense: np.ndarray, hot: np.ndarray, *, side_mm: float) -> np.ndarray:
    """Find the lumps of dense tissue that hold heat, without the vessels that lead to them."""
    width = max(1, round(LUMP_MM / side_mm))
    cores = cc3d.connected_components(ndimage.minimum_filter(dense, width), connectivity=6)
    holds_heat = np.zeros(cores.max() + 1, dtype=bool)
    holds_heat[cores[_dilate(hot, width / 2)]] = True
    holds_heat[0] = False
    return _dilate(holds_heat[cores], width / 2)


def _dilate(mask: np.ndarray, voxels: float) -> np.ndarray:
    return ndimage.maximum_filter(mask, 2 * round(voxels) + 1)


def _value_of_opacity(functions: TransferFunctions, opacity: float) -> float:
    """Return the lowest display value of at least this opacity; 255 if there is none."""
    values = np.arange(256)
    reached = interpolate_table(functions.opacity, values) >= opacity
    return float(values[reached.argmax()]) if reached.any() else 255.0


def _crop_box(
    lungs: np.ndarray, hot: np.ndarray | None, *, spacing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return first and end voxel of the lungs with a margin, and of the heat not far beyond."""
    shape = np.array(lungs.shape)
    start, stop = _bounds(lungs)
    start, stop = start - LUNG_MARGIN_MM / spacing, stop + LUNG_MARGIN_MM / spacing
    if hot is not None:
        hot_start, hot_stop = _bounds(hot)
        start = np.minimum(start, np.maximum(hot_start, start - HEAT_MARGIN_MM / spacing))
        stop = np.maximum(stop, np.minimum(hot_stop, stop + HEAT_MARGIN_MM / spacing))
    return np.maximum(np.floor(start), 0).astype(int), np.minimum(np.ceil(stop), shape).astype(int)


def _bounds(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first and end voxel of a mask along each axis."""
    planes = mask.any(axis=2)
    sides = [planes.any(axis=1), planes.any(axis=0), mask.any(axis=(0, 1))]
    occupied = [np.flatnonzero(side) for side in sides]
    return np.array([i[0] for i in occupied]), np.array([i[-1] + 1 for i in occupied])


def _to_image(
    components: list[np.ndarray], start: np.ndarray, *, size: np.ndarray, spacing: np.ndarray
) -> vtkImageData:
    """Make VTK's image of the lungs and, if there is any, the heat.

    Args:
        components: Each `(w, h, d)`, 0 to 255.
        start: First voxel of the crop in the scan.
        size: Voxels of the crop in the scan.
        spacing: Size of the scan's voxels in mm.
    """
    reduced = np.array(components[0].shape)
    scale = size / reduced
    # The graphics card's mapper scales both components by the range of values that occur, so the
    # full range has to occur in each: in a corner of an additional layer, which is cropped away.
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
