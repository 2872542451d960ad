"""TorchIO adapter of `lungcam.lungs.mask_around`."""

import torchio as tio

from lungcam.lungs import MASKS, mask_around
from lungcam.transforms.volumes import add_mask, grid, volume


class LungMask(tio.Transform):
    """Add the label map `mask`, which is what the network may see.

    Args:
        kind: `recipe`, `closed` or `cavity`; see `lungcam.lungs.mask_around`.
        margin_mm: Width of its margin in mm.
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, kind: str = "cavity", margin_mm: float = 4.0, **kwargs):
        super().__init__(**kwargs)
        if kind not in MASKS:
            raise ValueError(f"lungs.mask={kind}: choose {', '.join(MASKS)}.")
        self.kind = kind
        self.margin_mm = margin_mm
        self.args_names = ["kind", "margin_mm"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `mask`."""
        lungs, airway = volume(subject, "lungs"), volume(subject, "airway")
        spacing_mm = grid(subject, "lungs").spacing_mm
        mask = mask_around(lungs, airway, spacing_mm, self.kind, self.margin_mm)
        add_mask(subject, "mask", mask, grid(subject, "lungs"))
        return subject
