"""Operations on masks: bounding box, dilation in mm, filling, and the order of voxels in memory."""

from itertools import product

import cc3d
import numpy as np

from lungcam.grid import memory_axes


def bounding_box(mask: np.ndarray, margin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, ...]:
    """Find the smallest box that contains a mask.

    Args:
        mask: `(W, H, D)` bool.
        margin: Voxels to add on either side of each axis, within the volume.

    Returns:
        A slice for each axis.

    Raises:
        ValueError: The mask is empty.
    """
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        if filled.size == 0:
            raise ValueError("The mask is empty.")
        stop = min(int(filled[-1]) + 1 + margin[axis], mask.shape[axis])
        box.append(slice(max(int(filled[0]) - margin[axis], 0), stop))
    return tuple(box)


def in_memory_order(volume: np.ndarray) -> np.ndarray:
    """View a volume so that its last axis runs fastest and forwards in memory.

    A CT in RAS+ order is a view with swapped and reversed axes; labelling it in memory order saves
    a copy.

    Args:
        volume: Any array, such as a transposed and flipped view.

    Returns:
        A view of the same voxels; `from_memory_order` reverses it.
    """
    flips = tuple(slice(None, None, -1 if step < 0 else 1) for step in volume.strides)
    return volume[flips].transpose(memory_axes(volume))


def from_memory_order(volume: np.ndarray, like: np.ndarray) -> np.ndarray:
    """View an array in the order of `in_memory_order(like)` with the axes of `like`."""
    flips = tuple(slice(None, None, -1 if step < 0 else 1) for step in like.strides)
    return volume.transpose(np.argsort(memory_axes(like)))[flips]


def dilate(
    mask: np.ndarray, spacing_mm: tuple[float, float, float], *, distance_mm: float
) -> np.ndarray:
    """Add every voxel with its centre within a distance of a voxel centre of the mask.

    The ball is decomposed into rods along one axis. A row of voxels is stored as bits, eight to a
    byte, so that one operation handles eight voxels: about five times faster than a distance
    transform.

    Args:
        mask: `(W, H, D)` bool.
        spacing_mm: Voxel spacing in mm.
        distance_mm: Distance between voxel centres in mm.

    Returns:
        `(W, H, D)` bool.
    """
    dilated = mask.copy(order="K")
    ordered = in_memory_order(dilated)
    spacing = [spacing_mm[axis] for axis in memory_axes(dilated)]
    margins = tuple(int(distance_mm * (1 + 1e-6) / mm) for mm in spacing)
    if not mask.any():
        return dilated
    inner = ordered[bounding_box(ordered, margins)]
    depth, height, width = inner.shape
    slices, rows, reach = margins
    bits = np.packbits(inner, axis=2)
    # padded, so that shifted views need no care at the ends
    result = np.zeros((depth + 2 * slices, height + 2 * rows, bits.shape[2]), np.uint8)
    rods = {0: bits}
    for n in range(1, reach + 1):
        rods[n] = rods[n - 1] | _shift(bits, n) | _shift(bits, -n)
    for dz, dy in product(range(-slices, slices + 1), range(-rows, rows + 1)):
        rest = (distance_mm * (1 + 1e-6)) ** 2 - (dz * spacing[0]) ** 2 - (dy * spacing[1]) ** 2
        if rest >= 0:
            shifted = result[slices + dz :, rows + dy :][:depth, :height]
            shifted |= rods[int(np.sqrt(rest) / spacing[2])]
    result = result[slices : slices + depth, rows : rows + height]
    inner[:] = np.unpackbits(result, axis=2, count=width).view(bool)
    return dilated


def _shift(bits: np.ndarray, n: int) -> np.ndarray:
    """Shift rows of bits by n voxels; bits that leave a row are lost."""
    whole, rest = divmod(abs(n), 8)
    shifted = np.zeros_like(bits)
    # a byte's bits go to the byte `whole` further on, and the rest of them to the next byte
    for skip, shift in ((whole, rest), (whole + 1, rest - 8)):
        count = bits.shape[2] - skip
        if count <= 0:
            continue
        if n > 0:
            part = bits[:, :, :count]
            shifted[:, :, skip:] |= part >> shift if shift >= 0 else part << -shift
        else:
            part = bits[:, :, skip:]
            shifted[:, :, :count] |= part << shift if shift >= 0 else part >> -shift
    return shifted


def fill_axial_slices(
    mask: np.ndarray,
    spacing_mm: tuple[float, float, float],
    *,
    largest_cm2: float = np.inf,
) -> np.ndarray:
    """Fill the gaps that a mask encloses within each axial slice, such as vessels and nodules.

    Args:
        mask: `(W, H, D)` bool, not empty.
        spacing_mm: Voxel spacing in mm.
        largest_cm2: Area of the largest gap to fill; the dome of the liver, which the lung
            surrounds, is larger than a tumour.

    Returns:
        `(W, H, D)` bool.
    """
    filled = mask.copy(order="K")
    largest = largest_cm2 * 100 / (spacing_mm[0] * spacing_mm[1])
    # a rim of one voxel, where the volume has it, joins the outside into one component
    inner = filled[bounding_box(mask, (1, 1, 0))]
    for k in range(inner.shape[2]):
        plane = inner[:, :, k]
        gaps = cc3d.connected_components(in_memory_order(~plane), connectivity=4)
        sizes = np.bincount(gaps.ravel())
        enclosed = sizes <= largest
        enclosed[np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]])] = False
        enclosed[0] = False
        if enclosed.any():
            plane |= from_memory_order(enclosed[gaps], plane)
    return filled
