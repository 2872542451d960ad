"""Prepare a changed scan as the original was prepared."""

import numpy as np
import torchio as tio

from lungcam.transforms.nodule import NoduleView
from lungcam.transforms.view import LungView
from lungcam.transforms.volumes import add_image, add_mask, grid, volume

KEPT = ("lungs", "airway", "mask")


def prepare_again(subject: tio.Subject, hu: np.ndarray, transforms: tio.Compose) -> tio.Subject:
    """Show the network a changed scan in the frame of the original.

    Masks are kept and only the steps from the view on are applied, so that the net's input differs
    where the scan was changed and does not move as a whole.

    Args:
        subject: From `prepare`.
        hu: `(W, H, D)`, the changed `volume(subject, "image")`.
        transforms: The same as there.

    Returns:
        A new subject with `input` and `input_lungs`, as of `prepare`.
    """
    at = grid(subject, "image")
    image = tio.ScalarImage(tensor=subject["image"].data[:, :1, :1, :1], affine=at.affine)
    again = tio.Subject(image=image)
    again.remove_image("image")
    add_image(again, "image", hu, at)
    for name in KEPT:
        if name in subject:
            add_mask(again, name, volume(subject, name), at)
    if "center_mm" in subject:
        again["center_mm"] = subject["center_mm"]
    steps = list(transforms)
    views = [i for i, one in enumerate(steps) if isinstance(one, LungView | NoduleView)]
    for step in steps[views[0] if views else 0 :]:
        again = step(again)
    return again
