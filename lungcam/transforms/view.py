"""TorchIO adapter of `lungcam.lungs.lung_grid` and `show_masked`."""

from collections.abc import Sequence

import torchio as tio

from lungcam.grid import resample
from lungcam.lungs import lung_grid, show_masked
from lungcam.transforms.volumes import add_image, add_mask, grid, volume


class LungView(tio.Transform):
    """Add `input`, the masked HU on a grid of fixed size in mm, and `input_lungs` on the same.

    `image`, `lungs` and `mask` stay on the scan's voxels.

    Args:
        shape: Voxels of the grid, `(W, H, D)`.
        spacing_mm: Its spacing in mm; widened only where the lungs would not fit.
        **kwargs: See `torchio.Transform`.
    """

    def __init__(
        self,
        shape: Sequence[int] = (64, 48, 64),
        spacing_mm: float = 5.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.spacing_mm = spacing_mm
        self.args_names = ["shape", "spacing_mm"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `input` and `input_lungs`."""
        source = grid(subject, "image")
        hu, lungs, mask = (volume(subject, name) for name in ("image", "lungs", "mask"))
        target = lung_grid(lungs, source, self.shape, self.spacing_mm)
        add_image(subject, "input", show_masked(hu, lungs, mask, source, target), target)
        add_mask(subject, "input_lungs", resample(lungs, source, target) >= 0.5, target)
        return subject
