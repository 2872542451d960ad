"""TorchIO transform that shows both lungs on a grid of fixed size."""

from collections.abc import Sequence
from math import isfinite
from numbers import Integral, Real

import torchio as tio

from lungcam.grid import resample
from lungcam.lungs import lung_grid, show_masked
from lungcam.lungs.morphology import bounding_box
from lungcam.transforms.subject import add_image, add_mask, grid, volume


class LungView(tio.Transform):
    """Add `input`, the masked HU on a grid of fixed size in mm, and `input_lungs` on the same.

    If the subject has `aerated`, the lungs without their opaque parts, it is normalised over these,
    and `input_aerated` is added. `image`, `lungs` and `mask` stay on the scan's voxels. Adapter of
    `lungcam.lungs.lung_grid` and `show_masked`.

    Args:
        shape: Voxels of the grid, `(W, H, D)`.
        spacing_mm: Spacing of the grid in mm; widened only where the lungs would not fit.
        **kwargs: See `torchio.Transform`.

    Raises:
        ValueError: There is no such grid.

    Example:
        >>> steps = [HUThreshold(), LungComponents(), LungMask(), LungView(shape=(64, 48, 64))]
        >>> subject = tio.Compose(steps)(tio.Subject(image=tio.ScalarImage("scan.nii.gz")))
    """

    def __init__(
        self,
        shape: Sequence[int] = (64, 48, 64),
        spacing_mm: float = 5.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_grid(shape, spacing_mm)
        self.shape = tuple(shape)
        self.spacing_mm = spacing_mm
        self.args_names = ["shape", "spacing_mm"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `input` and `input_lungs`."""
        source = grid(subject, "image")
        hu, lungs, mask = (volume(subject, name) for name in ("image", "lungs", "mask"))
        target = lung_grid(lungs, source, shape=self.shape, spacing_mm=self.spacing_mm)
        aerated = volume(subject, "aerated") if "aerated" in subject else None
        region = lungs if aerated is None else aerated
        values = show_masked(hu, region, mask=mask, source=source, target=target)
        add_image(subject, "input", values=values, grid=target)
        for name, region in (("input_lungs", lungs), ("input_aerated", aerated)):
            if region is not None:
                shown = resample(region, source, target=target, box=bounding_box(region)) >= 0.5
                add_mask(subject, name, mask=shown, grid=target)
        return subject


def check_grid(shape: Sequence[int], spacing_mm: float) -> None:
    """Check a grid's shape and spacing.

    Raises:
        ValueError: Names the setting.
    """
    sizes = shape if isinstance(shape, Sequence) else ()
    if len(sizes) != 3 or not all(
        isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in sizes
    ):
        raise ValueError(f"shape={shape}: give three whole numbers, 1 or more each.")
    if not is_number(spacing_mm) or spacing_mm <= 0:
        raise ValueError(f"spacing_mm={spacing_mm}: give a number of mm above 0.")


def is_number(value: object) -> bool:
    """Return True if a setting is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
