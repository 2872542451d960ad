"""TorchIO transforms that scale the values of the network's input."""

import numpy as np
import torchio as tio

from lungcam.lungs import fade_walls, zero_centre
from lungcam.transforms.lung_view import is_number
from lungcam.transforms.subject import add_image, grid, volume


class ZeroCentre(tio.Transform):
    """Give `input` mean 0 and standard deviation 1 over `input_aerated`, else `input_lungs`.

    Args:
        **kwargs: See `torchio.Transform`.

    Example:
        >>> masks = [HUThreshold(), LungComponents(), LungMask()]
        >>> transforms = tio.Compose([*masks, LungView(), ZeroCentre()])
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.args_names = []

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `input`."""
        region = "input_aerated" if "input_aerated" in subject else "input_lungs"
        values = zero_centre(volume(subject, "input"), volume(subject, region))
        return _replace_input(subject, values)


class HUWindow(tio.Transform):
    """Scale `input` from a window of HU to -1..1, clipped to its ends.

    In place of `ZeroCentre` if the density itself counts, and not how much it exceeds that of the
    lungs: ground glass is 100 to 300 HU above aerated lung, and next to vessels and walls, which
    are 900 HU denser, it would hardly be visible.

    Args:
        low: HU that become -1.
        high: HU that become 1.
        **kwargs: See `torchio.Transform`.

    Raises:
        ValueError: There is no such window.

    Example:
        >>> masks = [HUThreshold(), LungComponents(), LungMask()]
        >>> transforms = tio.Compose([*masks, LungView(), HUWindow(-1000, -400)])
    """

    def __init__(self, low: float = -1000, high: float = 400, **kwargs):
        super().__init__(**kwargs)
        if not (is_number(low) and is_number(high) and low < high):
            raise ValueError(f"low={low}, high={high}: give two HU, the lower one first.")
        self.low, self.high = low, high
        self.args_names = ["low", "high"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `input`."""
        hu = volume(subject, "input")
        values = (hu.clip(self.low, self.high) - self.low) * (2 / (self.high - self.low)) - 1
        return _replace_input(subject, values.astype(np.float32))


class WallContrast(tio.Transform):
    """Lower the contrast of `input` outside `input_lungs` and their bays.

    Args:
        contrast: Factor on the contrast, from 0 to 1; 1 leaves it unchanged.
        **kwargs: See `torchio.Transform`.

    Raises:
        ValueError: There is no such contrast.

    Example:
        >>> masks = [HUThreshold(), LungComponents(), LungMask()]
        >>> transforms = tio.Compose([*masks, LungView(), ZeroCentre(), WallContrast(0.4)])
    """

    def __init__(self, contrast: float = 0.4, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= contrast <= 1:
            raise ValueError(f"contrast={contrast}: choose a number from 0 to 1.")
        self.contrast = contrast
        self.args_names = ["contrast"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `input`."""
        values = fade_walls(
            volume(subject, "input"),
            volume(subject, "input_lungs"),
            spacing_mm=grid(subject, "input").spacing_mm,
            contrast=self.contrast,
        )
        return _replace_input(subject, values)


def _replace_input(subject: tio.Subject, values: np.ndarray) -> tio.Subject:
    input_grid = grid(subject, "input")
    subject.remove_image("input")
    add_image(subject, "input", values=values, grid=input_grid)
    return subject
