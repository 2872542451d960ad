"""From a scan to what the network is shown."""

from collections.abc import Mapping

import torch
import torchio as tio

from lungcam.errors import InputError
from lungcam.scans import Scan


def pipeline(transforms: Mapping[str, tio.Transform]) -> tio.Compose:
    """Compose named transforms, in their order.

    The pipeline owns the subject it works on, so its steps need not copy the volumes.
    """
    for transform in transforms.values():
        transform.copy = False
    return tio.Compose(dict(transforms), copy=False)


def prepare(scan: Scan, transforms: tio.Compose) -> tio.Subject:
    """Apply the transforms to a scan.

    Args:
        scan: The scan; its array is not changed.
        transforms: From `pipeline`; they leave `input` (float32) and `input_lungs` on the
            network's grid, and `image`, `lungs` and `mask` on the scan's, in RAS+ order.

    Returns:
        The subject with these images.

    Raises:
        InputError: The scan does not suit the transforms; the message names it.
    """
    image = tio.ScalarImage(tensor=torch.from_numpy(scan.hu)[None], affine=scan.grid.affine)
    try:
        return transforms(tio.Subject(image=image))
    except ValueError as error:
        raise InputError(f"{scan.source}: {error} Give a CT of the whole chest, in HU.") from error
