"""TorchIO adapter of `lungcam.lungs.lung_pockets` and `trachea`."""

import torchio as tio

from lungcam.lungs import lung_pockets, trachea
from lungcam.transforms.volumes import add_mask, grid, volume


class LungComponents(tio.Transform):
    """Turn the label map `air` into `lungs`, both of them and filled, and `airway`, the trachea.

    Args:
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.args_names = []

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `air` by `lungs` and `airway`."""
        hu, at = volume(subject, "image"), grid(subject, "image")
        lungs = lung_pockets(volume(subject, "air"), hu, at.spacing_mm)
        subject.remove_image("air")
        airway = trachea(lungs, hu, at.spacing_mm)
        lungs &= ~airway
        add_mask(subject, "lungs", lungs, at)
        add_mask(subject, "airway", airway, at)
        return subject
