"""What a part of the input is covered with so that it shows nothing."""

import torchio as tio

from lungcam.transforms.nodule import NoduleView
from lungcam.transforms.window import HUWindow

# healthy lung, inspired
LUNG_HU = -850.0


def background(transforms: tio.Compose) -> float:
    """Value of the network's input where nothing is to be seen.

    In a window of HU that is lung tissue on its scale; else 0: the lungs' mean, as all has outside
    the mask.
    """
    for step in transforms:
        if isinstance(step, NoduleView | HUWindow):
            low, high = step.window_hu if isinstance(step, NoduleView) else (step.low, step.high)
            return float(min(max((LUNG_HU - low) * 2 / (high - low) - 1, -1.0), 1.0))
    return 0.0
