"""What a part of the input is covered with so that it shows nothing."""

import torchio as tio

from lungcam.transforms.nodule import NoduleView

# healthy lung, inspired
LUNG_HU = -850.0


def background(transforms: tio.Compose) -> float:
    """Value of the network's input where nothing is to be seen.

    Around a nodule that is lung tissue on the view's scale; where both lungs are shown, 0: their
    mean, as all has outside the mask.
    """
    for step in transforms:
        if isinstance(step, NoduleView):
            low, high = step.window_hu
            return float(min(max((LUNG_HU - low) * 2 / (high - low) - 1, -1.0), 1.0))
    return 0.0
