"""TorchIO adapter of `lungcam.lungs.mask_around`.

TorchIO adapter of `lungcam.lungs.lung_pockets` and `trachea`.

TorchIO adapter of `lungcam.lungs.segment`.
"""

import torchio as tio

from lungcam.lungs import MASKS, air, lung_pockets, mask_around, trachea
from lungcam.transforms.subject import add_mask, grid, volume


class LungComponents(tio.Transform):
    """Turn the label map `air` into `lungs`, both of them and filled, and `airway`, the trachea.

    Args:
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.args_names = []

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `air` by `lungs` and `airway`."""
        hu, at = volume(subject, "image"), grid(subject, "image")
        lungs = lung_pockets(volume(subject, "air"), hu, spacing_mm=at.spacing_mm)
        subject.remove_image("air")
        airway = trachea(lungs, hu, spacing_mm=at.spacing_mm)
        lungs &= ~airway
        add_mask(subject, "lungs", mask=lungs, at=at)
        add_mask(subject, "airway", mask=airway, at=at)
        return subject


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
        mask = mask_around(
            lungs, airway, spacing_mm=spacing_mm, kind=self.kind, margin_mm=self.margin_mm
        )
        add_mask(subject, "mask", mask=mask, at=grid(subject, "lungs"))
        return subject


class HUThreshold(tio.Transform):
    """Add the label map `air`: voxels of `image` below a threshold in HU.

    Args:
        threshold: In HU.
        **kwargs: See `torchio.Transform`.
    """

    def __init__(self, threshold: float = -350, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold
        self.args_names = ["threshold"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `air`."""
        mask = air(volume(subject, "image"), self.threshold)
        add_mask(subject, "air", mask=mask, at=grid(subject, "image"))
        return subject
