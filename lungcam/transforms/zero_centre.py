"""TorchIO adapter of `lungcam.lungs.zero_centre`."""

import torchio as tio

from lungcam.lungs import zero_centre
from lungcam.transforms.volumes import add_image, grid, volume


class ZeroCentre(tio.Transform):
    """Give `input` mean 0 and standard deviation 1 over `input_lungs`.

    Args:
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.args_names = []

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `input`."""
        at = grid(subject, "input")
        values = zero_centre(volume(subject, "input"), volume(subject, "input_lungs"))
        subject.remove_image("input")
        add_image(subject, "input", values, at)
        return subject
