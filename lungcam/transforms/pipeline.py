"""From a scan to what the network is shown.

Prepare a changed scan as the original was prepared.

What a part of the input is covered with so that it shows nothing.

What the masks of a prepared subject are worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torchio as tio

from lungcam.errors import InputError
from lungcam.findings import Finding
from lungcam.lungs import mask_findings, mask_quality, thumbnail
from lungcam.scans import Scan
from lungcam.transforms.intensity import HUWindow
from lungcam.transforms.lung_view import LungView
from lungcam.transforms.lungs import LungComponents
from lungcam.transforms.nodule_view import NoduleView
from lungcam.transforms.subject import add_image, add_mask, grid, volume

KEPT = ("lungs", "airway", "mask")


def reapply_view(subject: tio.Subject, hu: np.ndarray, *, transforms: tio.Compose) -> tio.Subject:
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
    add_image(again, "image", values=hu, at=at)
    for name in KEPT:
        if name in subject:
            add_mask(again, name, mask=volume(subject, name), at=at)
    if "center_mm" in subject:
        again["center_mm"] = subject["center_mm"]
    steps = list(transforms)
    views = [i for i, one in enumerate(steps) if isinstance(one, LungView | NoduleView)]
    for step in steps[views[0] if views else 0 :]:
        again = step(again)
    return again


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


@dataclass(frozen=True, eq=False)
class Quality:
    """The verdict on a subject's masks; all empty where the view has none.

    Attributes:
        figures: From `lungcam.lungs.mask_quality`.
        findings: From `lungcam.lungs.mask_findings`.
        picture: From `lungcam.lungs.quality`.
    """

    figures: dict[str, float | int | bool] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    picture: np.ndarray | None = None


def quality(subject: tio.Subject) -> Quality:
    """Judge the masks that the transforms have left on a subject."""
    if "mask" not in subject:
        return Quality()
    hu, lungs, mask = (volume(subject, name) for name in ("image", "lungs", "mask"))
    spacing_mm = grid(subject, "image").spacing_mm
    figures = mask_quality(hu, lungs, mask=mask, spacing_mm=spacing_mm)
    return Quality(
        figures, mask_findings(figures), thumbnail(hu, lungs, mask=mask, spacing_mm=spacing_mm)
    )


def shows_whole_chest(transforms: tio.Compose) -> bool:
    """Whether the transforms look for both lungs, and so need a scan of a whole chest."""
    return any(isinstance(step, LungComponents) for step in transforms)


def pipeline(transforms: Mapping[str, tio.Transform]) -> tio.Compose:
    """Compose named transforms, in their order.

    The pipeline owns the subject it works on, so its steps need not copy the volumes.
    """
    for transform in transforms.values():
        transform.copy = False
    return tio.Compose(dict(transforms), copy=False)


def prepare(
    scan: Scan, transforms: tio.Compose, *, center_mm: Sequence[float] | None = None
) -> tio.Subject:
    """Apply the transforms to a scan.

    Args:
        scan: The scan; its array is not changed.
        transforms: From `pipeline`; they leave `input` (float32) and `input_lungs` on the
            network's grid, and, where they show lungs, `lungs`, `airway` and `mask` on the scan's
            voxels.
        center_mm: RAS mm of the nodule, for transforms that show its surroundings.

    Returns:
        The subject with these images.

    Raises:
        InputError: The scan does not suit the transforms; the message names it.
    """
    hu = scan.hu
    # torch knows neither reversed axes nor arrays that may not be written to
    if any(step < 0 for step in hu.strides) or not hu.flags.writeable:
        hu = hu.copy()
    image = tio.ScalarImage(tensor=torch.from_numpy(hu)[None], affine=scan.grid.affine)
    subject = tio.Subject(image=image)
    if center_mm is not None:
        subject["center_mm"] = tuple(center_mm)
    try:
        return transforms(subject)
    except ValueError as error:
        remedy = " Give a CT of the whole chest, in HU." if shows_whole_chest(transforms) else ""
        raise InputError(f"{scan.source}: {error}{remedy}") from error
