"""TorchIO adapter of `lungcam.lungs.lung_pockets`."""

import torchio as tio

from lungcam.lungs import lung_pockets
from lungcam.transforms.volumes import add_mask, grid, volume


class LungComponents(tio.Transform):
    """Turn the label map `air` into `lungs`: the pockets of air that are the lungs, filled.

    Args:
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.args_names = []

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `air` by `lungs`."""
        lungs = lung_pockets(volume(subject, "air"), grid(subject, "air").spacing_mm)
        subject.remove_image("air")
        add_mask(subject, "lungs", lungs)
        return subject
