"""A mask as its file holds it, and on the grid of a scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from lungcam.grid import Grid, resample

# exactly half of a voxel counts as inside, whatever rounding does to the last bit
HALF = 0.5 - 1e-5
# a voxel is split into at most so many parts along each axis to measure a finer mask
MOST_PARTS = 4
# a chest at 0.2 mm has fewer voxels; a damaged file may ask for any number
MOST_VOXELS = 2**32


class MaskFault(Exception):
    """Fault of a mask; the message is a clause without a full stop."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Mask:
    """Mask on a grid of its own.

    Attributes:
        share: `(W, H, D)` share of each voxel that is inside: bool, or real numbers from 0 to 1.
        grid: Grid of the voxels; its axes may have any direction, and be sheared.
        frame_uid: FrameOfReferenceUID, empty if the file has none.
        series_uid: SeriesInstanceUID of the scan that it was drawn on, likewise.
        drawn_on: `(3,)` LPS mm of a point of the plane that was drawn on a slice, by the
            SOPInstanceUID of the slice; empty if the file does not say so.
    """

    share: np.ndarray
    grid: Grid
    frame_uid: str = ""
    series_uid: str = ""
    drawn_on: Mapping[str, np.ndarray] = field(default_factory=dict)

    def cropped(self) -> "Mask":
        """Return the mask without the empty voxels around it.

        Raises:
            MaskFault: The mask is empty.
        """
        filled = self.share > 0
        if not filled.any():
            raise MaskFault("it is empty")
        box = ndimage.find_objects(filled.astype(np.uint8))[0]
        share = np.ascontiguousarray(self.share[box])
        return replace(self, share=share, grid=self.grid.crop(box))


def refuse_size(shape: Sequence[int]) -> None:
    """Refuse a mask of more voxels than any scan has.

    Raises:
        MaskFault: It has more than `MOST_VOXELS`.
    """
    if not all(n > 0 for n in shape) or np.prod(np.array(shape, float)) > MOST_VOXELS:
        raise MaskFault(f"it spans {' x '.join(map(str, shape))} voxels")


def share_on(mask: Mask, target: Grid) -> np.ndarray:
    """Resample a mask to any grid of the same space.

    Between grids with parallel axes, see `lungcam.grid.resample`; otherwise each voxel of the
    target is split where the mask's are finer, and the parts, interpolated linearly, are averaged.

    Returns:
        `(w, h, d)` float32 from 0 to 1 on `target`.
    """
    try:
        return resample(mask.share, mask.grid, target=target)
    except ValueError:
        return _resample_across(mask, target)


def mask_on(mask: Mask, target: Grid) -> np.ndarray:
    """Return `(w, h, d)` bool on a grid: the voxels that are inside by at least half."""
    return share_on(mask, target) >= HALF


def _resample_across(mask: Mask, target: Grid) -> np.ndarray:
    """Resample between grids with axes in different directions."""
    share = np.zeros(target.shape, np.float32)
    corners = np.stack(np.meshgrid(*([-1, n] for n in mask.share.shape), indexing="ij"), -1)
    reach = target.to_index(mask.grid.to_world(corners.reshape(-1, 3)))
    low = np.clip(np.floor(reach.min(axis=0)), 0, target.shape).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)) + 1, 0, target.shape).astype(int)
    if (high <= low).any():
        return share
    box = tuple(map(slice, low, high))
    fine = min(mask.grid.spacing_mm)
    parts = np.clip(np.floor(np.array(target.spacing_mm) / fine + 0.01), 1, MOST_PARTS).astype(int)
    part = target.crop(box)
    # from the index of a part to that of the mask, with a margin of zeros around the mask
    step = np.linalg.solve(mask.grid.affine, part.affine)
    matrix = step[:3, :3] / parts
    offset = step[:3, 3] + step[:3, :3] @ ((1 / parts - 1) / 2) + 1
    values = ndimage.affine_transform(
        np.pad(mask.share.astype(np.float32), 1),
        matrix,
        offset,
        output_shape=tuple(parts * part.shape),
        order=1,
    )
    shape = np.stack([part.shape, parts], axis=1).ravel()
    share[box] = values.reshape(shape).mean(axis=(1, 3, 5))
    return share
