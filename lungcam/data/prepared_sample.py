"""One sample, read and prepared: the only way from a sample to a network's input."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torchio as tio

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.findings import Finding
from lungcam.masks import read_lungs
from lungcam.scans import Scan, read_scan
from lungcam.transforms import (
    Quality,
    is_crop,
    place_center,
    prepare,
    quality,
    shows_whole_chest,
)

NO_CENTER = (
    "no centre of a nodule is known, and this is no crop of one; give centres, or show both lungs "
    "by view=lungs."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedSample:
    """A sample's scan and the subject that the transforms made from it.

    Attributes:
        scan: Scan as it was read.
        subject: Subject with `input`, see `lungcam.transforms.prepare`.
        center_mm: Centre of what is shown in RAS mm; None for the middle of the image.
        center_findings: Findings of `lungcam.transforms.place_center`.
    """

    scan: Scan
    subject: tio.Subject
    center_mm: tuple[float, float, float] | None
    center_findings: list[Finding]

    @cached_property
    def quality(self) -> Quality:
        """Quality of the masks."""
        return quality(self.subject)

    @property
    def findings(self) -> list[Finding]:
        """Findings of the scan, of the centre and of the masks."""
        return [*self.scan.check.findings, *self.center_findings, *self.quality.findings]


def read_sample(sample: Sample, transforms: tio.Compose) -> Scan:
    """Read a sample's scan, of a whole chest if the transforms need one.

    Raises:
        InputError: The scan cannot be read.
    """
    return read_scan(
        sample.image,
        sample.series,
        whole_chest=shows_whole_chest(transforms),
        time=sample.time,
        tilt=sample.tilt,
    )


def prepare_sample(
    sample: Sample, transforms: tio.Compose, *, scan: Scan | None = None
) -> PreparedSample:
    """Read a sample's scan and apply the transforms to it.

    Args:
        sample: Sample with the scan, and with the centre that is shown, if it is known.
        transforms: From `lungcam.transforms.pipeline`.
        scan: Scan of the sample, if it was read before.

    Raises:
        InputError: The scan or the mask of its lungs cannot be read or does not suit the
            transforms, or the centre is unknown or outside it.
    """
    if scan is None:
        scan = read_sample(sample, transforms)
    if lacks_center(sample, transforms, scan=scan):
        raise InputError(f"{scan.source}: {NO_CENTER}")
    center_mm, center_findings = sample.center_mm, []
    if not shows_whole_chest(transforms):
        try:
            center_mm, center_findings = place_center(scan.grid, center_mm)
        except ValueError as error:
            raise InputError(f"{scan.source}: {error}") from error
    masks = None
    if sample.lungs_mask is not None and shows_whole_chest(transforms):
        masks = read_lungs(sample.lungs_mask, scan, segment=sample.lungs_segment).masks
    return PreparedSample(
        scan=scan,
        subject=prepare(scan, transforms, center_mm=center_mm, masks=masks),
        center_mm=center_mm,
        center_findings=center_findings,
    )


def lacks_center(sample: Sample, transforms: tio.Compose, *, scan: Scan) -> bool:
    """Return True if the transforms show a nodule and nothing says where in the scan it is."""
    if shows_whole_chest(transforms) or sample.center_mm is not None:
        return False
    return not is_crop(np.multiply(scan.grid.shape, scan.grid.spacing_mm))
