"""TorchIO transform that shows a nodule's surroundings, and a check of the nodule's centre."""

from collections.abc import Sequence

import numpy as np
import torchio as tio

from lungcam.findings import Finding
from lungcam.grid import Grid, resample
from lungcam.transforms.lung_view import check_grid, is_number
from lungcam.transforms.subject import add_image, add_mask, grid, volume

# a whole chest is larger along every axis
LARGEST_CROP_MM = 100.0


class NoduleView(tio.Transform):
    """Add `input`, a cube around a nodule, scaled from a fixed HU window to -1..1.

    The cube is centred on `center_mm` of the subject (RAS mm), or on the middle of the image if
    there is none: a crop is its own centre. Where the image ends within the cube, its last voxels
    are continued, so that no constant border reveals the size of the crop; values are rounded to
    whole HU, as a scan's are, so that not even the rounding of the interpolation reveals it. There
    is no lung mask.

    Args:
        shape: Voxels of the cube, `(W, H, D)`.
        spacing_mm: Spacing of the cube in mm.
        window_hu: HU that become -1 and 1.
        **kwargs: See `torchio.Transform`.

    Raises:
        ValueError: There is no such grid or window.

    Example:
        >>> image = tio.ScalarImage("crop.nii.gz")
        >>> subject = NoduleView(shape=(32, 32, 32), spacing_mm=1.0)(tio.Subject(image=image))
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
        target = cube_grid(
            source, self.shape, spacing_mm=self.spacing_mm, center_mm=subject.get("center_mm")
        )
        low, high = self.window_hu
        hu = np.rint(resample_continued(volume(subject, "image"), source, target=target))
        values = (hu.clip(low, high) - low) * np.float32(2 / (high - low)) - 1
        add_image(subject, "input", values=values, grid=target)
        add_mask(subject, "input_lungs", mask=np.ones(self.shape, bool), grid=target)
        return subject


def cube_grid(
    source: Grid,
    shape: tuple[int, int, int],
    *,
    spacing_mm: float,
    center_mm: Sequence[float] | None = None,
) -> Grid:
    """Return a grid with the axes of `source` around a point in RAS mm, by default its middle."""
    if center_mm is None:
        center_mm = source.to_world((np.array(source.shape) - 1) / 2)
    affine = np.eye(4)
    affine[:3, :3] = source.affine[:3, :3] / source.spacing_mm * spacing_mm
    affine[:3, 3] = np.asarray(center_mm) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(tuple(shape), affine)


def resample_continued(volume: np.ndarray, source: Grid, *, target: Grid) -> np.ndarray:
    """Resample to a parallel grid; beyond the volume its outermost voxels are continued.

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
    return resample(volume[np.ix_(*index)], source.crop(box), target=target)


def is_crop(extent_mm: Sequence[float]) -> bool:
    """Return True if an image of this size in mm is too small, along any axis, for a chest."""
    return bool(np.min(extent_mm) < LARGEST_CROP_MM)


def place_center(
    image: Grid, center_mm: Sequence[float] | None
) -> tuple[Sequence[float] | None, list[Finding]]:
    """Return the point around which a nodule is shown.

    A crop was cut around its nodule: if the given centre lies outside, the crop's middle is taken
    instead. In a whole scan nothing else says where the nodule is.

    Args:
        image: Grid of the scan or crop.
        center_mm: Centre of the nodule in RAS mm, None if unknown.

    Returns:
        RAS mm, None for the image's middle; and the finding `center_outside`, if it applies.

    Raises:
        ValueError: The centre lies outside a whole scan.
    """
    if center_mm is None:
        return None, []
    index = image.to_index(np.asarray(center_mm))
    beyond = np.maximum(-0.5 - index, index - (np.array(image.shape) - 0.5)).clip(0)
    distance = float(np.linalg.norm(beyond * image.spacing_mm))
    # tables round to fractions of a mm
    if distance < 0.01:
        return center_mm, []
    message = f"its centre lies {distance:.1f} mm outside the image"
    if not is_crop(np.multiply(image.shape, image.spacing_mm)):
        raise ValueError(f"{message}; check its coordinates, and whether they are LPS or RAS.")
    return None, [
        Finding(
            code="center_outside",
            outcome="flagged",
            message=f"{message}: the crop's middle is shown",
            remedy="",
        )
    ]
