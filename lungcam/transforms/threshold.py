"""TorchIO adapter of `lungcam.lungs.air`."""

import torchio as tio

from lungcam.lungs import air
from lungcam.transforms.volumes import add_mask, grid, volume


class HUThreshold(tio.Transform):
    """Add the label map `air`: voxels of `image` below a threshold in HU.

    Args:
        threshold: In HU.
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, threshold: float = -350, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold
        self.args_names = ["threshold"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `air`."""
        mask = air(volume(subject, "image"), self.threshold)
        add_mask(subject, "air", mask, grid(subject, "image"))
        return subject
