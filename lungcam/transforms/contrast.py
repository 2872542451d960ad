"""TorchIO adapter of `lungcam.lungs.fade_walls`."""

import torchio as tio

from lungcam.lungs import fade_walls
from lungcam.transforms.volumes import add_image, grid, volume


class WallContrast(tio.Transform):
    """Lower the contrast of `input` where it shows neither `input_lungs` nor a bay of them.

    Args:
        contrast: 0 to 1; 1 shows all alike.
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, contrast: float = 0.4, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= contrast <= 1:
            raise ValueError(f"contrast={contrast}: choose a number from 0 to 1.")
        self.contrast = contrast
        self.args_names = ["contrast"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `input`."""
        at = grid(subject, "input")
        values, lungs = volume(subject, "input"), volume(subject, "input_lungs")
        values = fade_walls(values, lungs, at.spacing_mm, self.contrast)
        subject.remove_image("input")
        add_image(subject, "input", values, at)
        return subject
