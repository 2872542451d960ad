"""TorchIO adapter of `lungcam.lungs.dilate`."""

import torchio as tio

from lungcam.lungs import dilate
from lungcam.transforms.volumes import add_mask, grid, volume


class LungDilation(tio.Transform):
    """Add the label map `mask`: the lungs and a margin, which is what the network may see.

    Args:
        distance_mm: Width of the margin in mm.
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, distance_mm: float = 4.0, **kwargs):
        super().__init__(**kwargs)
        self.distance_mm = distance_mm
        self.args_names = ["distance_mm"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `mask`."""
        spacing_mm = grid(subject, "lungs").spacing_mm
        add_mask(subject, "mask", dilate(volume(subject, "lungs"), spacing_mm, self.distance_mm))
        return subject
