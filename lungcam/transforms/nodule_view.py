"""TorchIO transform that shows a nodule's surroundings."""

from collections.abc import Sequence

import numpy as np
import torchio as tio

from lungcam.grid import Grid, resample
from lungcam.transforms.view import check_grid, is_number
from lungcam.transforms.volumes import add_image, add_mask, grid, volume


class NoduleView(tio.Transform):
    """Add `input`, a cube around a nodule, scaled from a fixed HU window to -1..1.

    The cube stands around `center_mm` of the subject (RAS mm), or around the middle of the image
    where there is none: a crop is its own centre. Where the image ends within the cube, its last
    voxels go on, so that no constant border tells how large the crop was; values are rounded to
    whole HU, as a scan's are, so that not even the rounding of the interpolation tells it. There is
    no lung mask.

    Args:
        shape: Voxels of the cube, `(W, H, D)`.
        spacing_mm: Its spacing in mm.
        window_hu: Lowest and highest HU told apart.
        **kwargs: See `torchio.Transform`.

    Raises:
        ValueError: There is no such grid or window.
    """

    def __init__(
        self,
        shape: Sequence[int] = (32, 32, 32),
        spacing_mm: float = 1.0,
        window_hu: Sequence[float] = (-1000, 400),
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_grid(shape, spacing_mm)
        ends = window_hu if isinstance(window_hu, Sequence) else ()
        if len(ends) != 2 or not all(map(is_number, ends)) or ends[0] >= ends[1]:
            raise ValueError(f"window_hu={window_hu}: give two HU, the lower one first.")
        self.shape = tuple(shape)
        self.spacing_mm = spacing_mm
        self.window_hu = tuple(window_hu)
        self.args_names = ["shape", "spacing_mm", "window_hu"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `input`, and `input_lungs`, which is the whole cube."""
        source = grid(subject, "image")
        target = cube(source, self.shape, self.spacing_mm, subject.get("center_mm"))
        low, high = self.window_hu
        shown = np.rint(continued(volume(subject, "image"), source, target)).clip(low, high)
        add_image(subject, "input", (shown - low) * np.float32(2 / (high - low)) - 1, target)
        add_mask(subject, "input_lungs", np.ones(self.shape, bool), target)
        return subject


def cube(
    source: Grid,
    shape: tuple[int, int, int],
    spacing_mm: float,
    center_mm: Sequence[float] | None = None,
) -> Grid:
    """Lay a grid with the axes of `source` around a point in RAS mm, by default its middle."""
    if center_mm is None:
        center_mm = source.to_world((np.array(source.shape) - 1) / 2)
    affine = np.eye(4)
    affine[:3, :3] = source.affine[:3, :3] / source.spacing_mm * spacing_mm
    affine[:3, 3] = np.asarray(center_mm) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(tuple(shape), affine)


def continued(volume: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Resample to a parallel grid; beyond the volume its outermost voxels go on.

    Args:
        volume: `(W, H, D)` on `source`.
        source: Grid of the volume.
        target: Grid to fill, its axes in the same order and direction.

    Returns:
        `(w, h, d)` float32.
    """
    ends = source.to_index(target.to_world([[0, 0, 0], np.array(target.shape) - 1]))
    # a coarse target's triangle reaches two of its voxels further
    margin = 2 * np.maximum(1, np.divide(target.spacing_mm, source.spacing_mm))
    box = tuple(
        slice(int(low), int(high) + 1)
        for low, high in zip(np.floor(ends[0] - margin), np.ceil(ends[1] + margin), strict=True)
    )
    index = [
        np.clip(np.arange(side.start, side.stop), 0, size - 1)
        for side, size in zip(box, volume.shape, strict=True)
    ]
    return resample(volume[np.ix_(*index)], source.crop(box), target)
