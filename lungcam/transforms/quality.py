"""What the masks of a prepared subject are worth."""

from dataclasses import dataclass, field

import numpy as np
import torchio as tio

from lungcam.lungs import mask_findings, mask_quality, thumbnail
from lungcam.transforms.components import LungComponents
from lungcam.transforms.volumes import grid, volume
from lungcam.verdict import Finding


@dataclass(frozen=True, eq=False)
class Quality:
    """The verdict on a subject's masks; all empty where the view has none.

    Attributes:
        figures: From `lungcam.lungs.mask_quality`.
        findings: From `lungcam.lungs.mask_findings`.
        picture: From `lungcam.lungs.thumbnail`.
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
    figures = mask_quality(hu, lungs, mask, spacing_mm)
    return Quality(figures, mask_findings(figures), thumbnail(hu, lungs, mask, spacing_mm))


def shows_whole_chest(transforms: tio.Compose) -> bool:
    """Whether the transforms look for both lungs, and so need a scan of a whole chest."""
    return any(isinstance(step, LungComponents) for step in transforms)
