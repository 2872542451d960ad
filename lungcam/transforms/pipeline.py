"""From a scan to what the network is shown."""

from collections.abc import Mapping, Sequence

import torch
import torchio as tio

from lungcam.errors import InputError
from lungcam.scans import Scan
from lungcam.transforms.quality import shows_whole_chest


def pipeline(transforms: Mapping[str, tio.Transform]) -> tio.Compose:
    """Compose named transforms, in their order.

    The pipeline owns the subject it works on, so its steps need not copy the volumes.
    """
    for transform in transforms.values():
        transform.copy = False
    return tio.Compose(dict(transforms), copy=False)


def prepare(
    scan: Scan, transforms: tio.Compose, center_mm: Sequence[float] | None = None
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
