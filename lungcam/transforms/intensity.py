"""TorchIO transform that tells apart a window of Hounsfield units."""

import numpy as np
import torchio as tio

from lungcam.transforms.view import is_number
from lungcam.transforms.volumes import add_image, grid, volume


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
        add_image(subject, "input", shown.astype(np.float32), at)
        return subject
