"""Pipeline of transforms from a scan to the network's input, and functions of its result."""

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
from lungcam.transforms.subject import add_image, add_scan_mask, grid, volume

# masks of a prepared subject on the scan's voxels
MASK_NAMES = ("lungs", "airway", "aerated", "mask")
# healthy lung, inspired
LUNG_HU = -850.0


@dataclass(frozen=True, eq=False)
class Quality:
    """Quality of a subject's masks; all fields are empty if the view has none.

    Attributes:
        figures: From `lungcam.lungs.mask_quality`.
        findings: From `lungcam.lungs.mask_findings`.
    """

    figures: dict[str, float | int | bool] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def pipeline(transforms: Mapping[str, tio.Transform]) -> tio.Compose:
    """Compose named transforms, in their order.

    The pipeline owns the subject it works on, so its transforms need not copy the volumes.
    """
    for transform in transforms.values():
        transform.copy = False
    return tio.Compose(dict(transforms), copy=False)


def prepare(
    scan: Scan,
    transforms: tio.Compose,
    *,
    center_mm: Sequence[float] | None = None,
    masks: Mapping[str, np.ndarray] | None = None,
) -> tio.Subject:
    """Apply the transforms to a scan.

    Args:
        scan: Scan; its array is not changed.
        transforms: From `pipeline`; they add `input` (float32) and `input_lungs` on the
            network's grid, and, if they show lungs, `lungs`, `airway` and `mask` on the scan's
            voxels.
        center_mm: RAS mm of the nodule, for transforms that show its surroundings.
        masks: Known masks, `(W, H, D)` bool on the scan's canonical grid, in place of those that
            are made from its air: `lungs`, `airway` and `aerated`.

    Returns:
        The subject with these images.

    Raises:
        InputError: The scan does not suit the transforms; the message names it.
    """
    hu = scan.hu
    # torch supports neither reversed axes nor read-only arrays
    if any(step < 0 for step in hu.strides) or not hu.flags.writeable:
        hu = hu.copy()
    image = tio.ScalarImage(tensor=torch.from_numpy(hu)[None], affine=scan.grid.affine)
    subject = tio.Subject(image=image)
    if center_mm is not None:
        subject["center_mm"] = tuple(center_mm)
    for name, mask in (masks or {}).items():
        add_scan_mask(subject, name, mask=mask)
    try:
        return transforms(subject)
    except ValueError as error:
        remedy = " Give a CT of the whole chest, in HU." if shows_whole_chest(transforms) else ""
        raise InputError(f"{scan.source}: {error}{remedy}") from error


def reapply_view(subject: tio.Subject, hu: np.ndarray, *, transforms: tio.Compose) -> tio.Subject:
    """Show the network a changed scan on the grid of the original.

    Masks are kept and only the transforms from the view on are applied, so that the network's
    input differs where the scan was changed and does not move as a whole.

    Args:
        subject: From `prepare`.
        hu: `(W, H, D)`, the changed `volume(subject, "image")`.
        transforms: Transforms that were given to `prepare`.

    Returns:
        A new subject with `input` and `input_lungs`, as of `prepare`.
    """
    image_grid = grid(subject, "image")
    # a subject needs an image from the start; it is replaced without a copy of the scan
    first_voxel = subject["image"].data[:, :1, :1, :1]
    changed = tio.Subject(image=tio.ScalarImage(tensor=first_voxel, affine=image_grid.affine))
    changed.remove_image("image")
    add_image(changed, "image", values=hu, grid=image_grid)
    for name in MASK_NAMES:
        if name in subject:
            add_scan_mask(changed, name, mask=volume(subject, name))
    if "center_mm" in subject:
        changed["center_mm"] = subject["center_mm"]
    steps = list(transforms)
    views = [i for i, step in enumerate(steps) if isinstance(step, LungView | NoduleView)]
    for step in steps[views[0] if views else 0 :]:
        changed = step(changed)
    return changed


def shows_whole_chest(transforms: tio.Compose) -> bool:
    """Return True if the transforms look for both lungs, and so need a scan of a whole chest."""
    return any(isinstance(step, LungComponents) for step in transforms)


def background(transforms: tio.Compose) -> float:
    """Return the value of the network's input that shows nothing, to cover a part of it.

    In a window of HU that is the value of lung tissue; else 0, the lungs' mean, which also fills
    the input outside the mask.
    """
    for step in transforms:
        if isinstance(step, NoduleView | HUWindow):
            low, high = step.window_hu if isinstance(step, NoduleView) else (step.low, step.high)
            return float(min(max((LUNG_HU - low) * 2 / (high - low) - 1, -1.0), 1.0))
    return 0.0


def quality(subject: tio.Subject) -> Quality:
    """Measure and check the masks that the transforms have added to a subject."""
    if "mask" not in subject:
        return Quality()
    hu, lungs, mask = (volume(subject, name) for name in ("image", "lungs", "mask"))
    spacing_mm = grid(subject, "image").spacing_mm
    figures = mask_quality(hu, lungs, mask=mask, spacing_mm=spacing_mm)
    return Quality(figures, mask_findings(figures))


def mask_thumbnail(subject: tio.Subject) -> np.ndarray | None:
    """Draw the masks that the transforms have added to a subject; None if there are none."""
    if "mask" not in subject:
        return None
    hu, lungs, mask = (volume(subject, name) for name in ("image", "lungs", "mask"))
    spacing_mm = grid(subject, "image").spacing_mm
    return thumbnail(hu, lungs, mask=mask, spacing_mm=spacing_mm)
