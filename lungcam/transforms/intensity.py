"""TorchIO transform that tells apart a window of Hounsfield units.

TorchIO adapter of `lungcam.lungs.fade_walls`.

TorchIO adapter of `lungcam.lungs.zero_centre`.
"""

import numpy as np
import torchio as tio

from lungcam.lungs import fade_walls, zero_centre
from lungcam.transforms.lung_view import is_number
from lungcam.transforms.subject import add_image, grid, volume


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
        values = fade_walls(values, lungs, spacing_mm=at.spacing_mm, contrast=self.contrast)
        subject.remove_image("input")
        add_image(subject, "input", values=values, at=at)
        return subject


class HUWindow(tio.Transform):
    """Scale `input` from a window of HU to -1..1; what lies beyond is shown as its ends.

    In place of `ZeroCentre` where the density itself counts, and not how it stands out from the
    lungs: ground glass lies 100 to 300 HU above aerated lung, and beside vessels and walls, which
    are 900 HU denser, it would hardly be told apart.

    Args:
        low: HU shown as -1.
        high: HU shown as 1.
        **kwargs: See `torchio.Transform`.

    Raises:
        ValueError: There is no such window.
    """

    def __init__(self, low: float = -1000, high: float = 400, **kwargs):
        super().__init__(**kwargs)
        if not (is_number(low) and is_number(high) and low < high):
            raise ValueError(f"low={low}, high={high}: give two HU, the lower one first.")
        self.low, self.high = low, high
        self.args_names = ["low", "high"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `input`."""
        at, hu = grid(subject, "input"), volume(subject, "input")
        shown = (hu.clip(self.low, self.high) - self.low) * (2 / (self.high - self.low)) - 1
        subject.remove_image("input")
        add_image(subject, "input", values=shown.astype(np.float32), at=at)
        return subject


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
        add_image(subject, "input", values=values, at=at)
        return subject
