"""TorchIO transforms that segment the lungs and the mask around them."""

import torchio as tio

from lungcam.lungs import MASKS, air, lung_pockets, mask_around, trachea
from lungcam.transforms.subject import add_scan_mask, grid, volume


class HUThreshold(tio.Transform):
    """Add the label map `air`: voxels of `image` below a threshold in HU.

    Adapter of `lungcam.lungs.air`.

    Args:
        threshold: Threshold in HU.
        **kwargs: See `torchio.Transform`.

    Example:
        >>> image = tio.ScalarImage("scan.nii.gz")
        >>> subject = HUThreshold(-350)(tio.Subject(image=image))
    """

    def __init__(self, threshold: float = -350, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold
        self.args_names = ["threshold"]

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Add `air`, unless the lungs are known."""
        if "lungs" in subject:
            return subject
        mask = air(volume(subject, "image"), self.threshold)
        add_scan_mask(subject, "air", mask=mask)
        return subject


class LungComponents(tio.Transform):
    """Replace the label map `air` by `lungs`, both of them and filled, and `airway`, the trachea.

    Adapter of `lungcam.lungs.lung_pockets` and `trachea`.

    Args:
        **kwargs: See `torchio.Transform`.

    Example:
        >>> image = tio.ScalarImage("scan.nii.gz")
        >>> subject = tio.Compose([HUThreshold(), LungComponents()])(tio.Subject(image=image))
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.args_names = []

    def apply_transform(self, subject: tio.Subject) -> tio.Subject:
        """Replace `air` by `lungs` and `airway`, unless they are known."""
        if "lungs" in subject:
            return subject
        hu, spacing_mm = volume(subject, "image"), grid(subject, "image").spacing_mm
        lungs = lung_pockets(volume(subject, "air"), hu, spacing_mm=spacing_mm)
        subject.remove_image("air")
        airway = trachea(lungs, hu, spacing_mm=spacing_mm)
        # the airway is a part of the lungs
        lungs ^= airway
        add_scan_mask(subject, "lungs", mask=lungs)
        add_scan_mask(subject, "airway", mask=airway)
        return subject


class LungMask(tio.Transform):
    """Add the label map `mask`: what the network may see.

    Adapter of `lungcam.lungs.mask_around`.

    Args:
        kind: `recipe`, `closed` or `cavity`; see `lungcam.lungs.mask_around`.
        margin_mm: Width of its margin in mm.
        **kwargs: See `torchio.Transform`.

    Raises:
        ValueError: There is no such mask.

    Example:
        >>> steps = [HUThreshold(), LungComponents(), LungMask("closed", margin_mm=2)]
        >>> subject = tio.Compose(steps)(tio.Subject(image=tio.ScalarImage("scan.nii.gz")))
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
        mask = mask_around(
            volume(subject, "lungs"),
            volume(subject, "airway"),
            spacing_mm=grid(subject, "lungs").spacing_mm,
            kind=self.kind,
            margin_mm=self.margin_mm,
        )
        add_scan_mask(subject, "mask", mask=mask)
        return subject
