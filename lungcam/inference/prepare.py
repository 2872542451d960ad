"""A scan that is ready for the net: all that can be done without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torchio as tio

from lungcam.cohorts import Sample
from lungcam.data import pixel_hash, prepare_sample
from lungcam.data.prepared_sample import lacks_center, read_sample
from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.lungs import air, lung_pockets, mask_around, trachea
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.scans import Scan
from lungcam.transforms import Quality
from lungcam.transforms.subject import grid, volume

# lungs with what bulges into them from the wall, so that no lesion at the pleura is passed over
SEARCHED = "closed"
# of a prepared subject, what is on the scan's voxels
VOLUMES = ("image", "airway", "lungs", "mask")


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedScan:
    """A scan, read and prepared.

    Attributes:
        scan: The scan; its `hu` is empty where nothing is made from the voxels any more.
        subject: What the net will be shown; None where the net has to search the scan.
        searched: The lungs, and where windows have their centres, each `(W, H, D)` bool on the
            scan's canonical grid; None where one place is asked about.
        quality: The verdict on the masks.
        warnings: Sentences on what the user should know.
        pixels: The scan's `pixel_hash`.
        seconds: What the steps `read` and `lungs` took.
    """

    scan: Scan
    subject: tio.Subject | None
    searched: tuple[np.ndarray, np.ndarray] | None
    quality: Quality
    warnings: Sequence[str]
    pixels: str
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """`mask` and `lungs`, `(W, H, D)` bool on the canonical grid; a crop has neither."""
        if self.searched is not None:
            return dict(zip(("lungs", "mask"), self.searched, strict=True))
        return {
            name: volume(self.subject, name) for name in ("mask", "lungs") if name in self.subject
        }

    def for_files(self, wanted: RequestedOutputs) -> "PreparedScan":
        """Without the volumes that nothing is made from: they are most of the memory."""
        if wanted.erase or self.subject is None or "image" not in self.subject:
            return self
        for name in VOLUMES if not wanted.volumes else ("image", "airway"):
            if name in self.subject:
                self.subject.remove_image(name)
        if wanted.volumes:
            return self
        return replace(self, scan=replace(self.scan, hu=np.empty((0, 0, 0), np.int16)))


def read_and_prepare(transforms: tio.Compose, sample: Sample) -> PreparedScan:
    """Read a scan and prepare it for the net.

    A net that looks at nodules is shown the one whose centre is known, or a crop's middle; in a
    whole scan of which no centre is known it has to search, and the lungs are found here.

    Args:
        transforms: From a scan to the net's input.
        sample: The scan, and the centre of its nodule, where it is known.

    Raises:
        InputError: The scan is at fault.
    """
    watch = Stopwatch()
    with watch("read"):
        scan = read_sample(sample, transforms)
    with watch("lungs"):
        ready = _prepared(transforms, scan, sample=sample)
    return replace(ready, seconds=watch.seconds)


def prepare_for_outputs(
    transforms: tio.Compose, wanted: RequestedOutputs, sample: Sample
) -> PreparedScan:
    """`read_and_prepare` in another process: what is not needed is not sent."""
    return read_and_prepare(transforms, sample).for_files(wanted)


def find_lungs(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """The lungs, and they with what bulges into them from the wall.

    Returns:
        Each `(W, H, D)` bool on the scan's canonical grid.

    Raises:
        InputError: No lungs are found.
    """
    at = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, target=at)
    try:
        pockets = lung_pockets(air(hu), hu, spacing_mm=at.spacing_mm)
    except ValueError as error:
        raise InputError(
            f"{scan.source}: {error} Give a CT of the whole chest, in HU, or a nodule's crop."
        ) from error
    airway = trachea(pockets, hu, spacing_mm=at.spacing_mm)
    lungs = pockets & ~airway
    # without a margin: centres stand in the lungs, and cubes reach beyond
    return lungs, mask_around(lungs, airway, spacing_mm=at.spacing_mm, kind=SEARCHED, margin_mm=0)


def _prepared(transforms: tio.Compose, scan: Scan, *, sample: Sample) -> PreparedScan:
    pixels = pixel_hash(scan)
    if lacks_center(sample, transforms, scan=scan):
        return PreparedScan(
            scan=scan,
            subject=None,
            searched=find_lungs(scan),
            quality=Quality(),
            warnings=scan.warnings,
            pixels=pixels,
        )
    prepared = prepare_sample(sample, transforms, scan=scan)
    subject = prepared.subject
    warnings = [finding.sentence for finding in prepared.findings]
    crop = "mask" not in subject and prepared.center_mm is None
    if crop and _beyond(grid(subject, "input"), grid(subject, "image")):
        warnings.append("Only a cube in the crop's middle was looked at; give a smaller crop.")
    return PreparedScan(
        scan=scan,
        subject=subject,
        searched=None,
        quality=prepared.quality,
        warnings=warnings,
        pixels=pixels,
    )


def _beyond(shown: Grid, scan: Grid) -> bool:
    """Whether a scan is twice as long or more, along any axis, than what is shown of it."""
    return any(
        size * step > 2 * n * mm
        for n, mm, size, step in zip(
            shown.shape, shown.spacing_mm, scan.shape, scan.spacing_mm, strict=True
        )
    )
