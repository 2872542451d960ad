"""Preparation of a scan for a net: all work that can be done without the net."""

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

# mask to search: lungs with lesions that bulge into them from the wall, so that none is missed
SEARCHED = "closed"
# images of a prepared subject on the scan's voxels
VOLUMES = ("image", "airway", "lungs", "mask")


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedScan:
    """A scan, read and prepared.

    Attributes:
        scan: The scan; its `hu` is empty once no output needs the voxels.
        subject: Subject with the net's `input`; None if the net has to search the scan.
        searched: For a search, `lungs` and `mask` (where windows are centred), each `(W, H, D)`
            bool on the scan's canonical grid; None otherwise.
        quality: Quality of the masks.
        warnings: Sentences for the user.
        pixels: The scan's `pixel_hash`.
        seconds: Duration of the steps `read` and `lungs`.
    """

    scan: Scan
    subject: tio.Subject | None
    searched: Mapping[str, np.ndarray] | None
    quality: Quality
    warnings: Sequence[str]
    pixels: str
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def masks(self) -> Mapping[str, np.ndarray]:
        """`mask` and `lungs`, `(W, H, D)` bool on the canonical grid; empty for a crop."""
        if self.searched is not None:
            return self.searched
        return {
            name: volume(self.subject, name) for name in ("mask", "lungs") if name in self.subject
        }

    def reduced(self, outputs: RequestedOutputs) -> "PreparedScan":
        """Drop the volumes that no output needs: they take most of the memory."""
        if outputs.erase or self.subject is None or "image" not in self.subject:
            return self
        for name in VOLUMES if not outputs.volumes else ("image", "airway"):
            if name in self.subject:
                self.subject.remove_image(name)
        if outputs.volumes:
            return self
        return replace(self, scan=replace(self.scan, hu=np.empty((0, 0, 0), np.int16)))


def prepare_scan(sample: Sample, transforms: tio.Compose) -> PreparedScan:
    """Read a scan and prepare it for the net.

    A net trained on nodules sees the nodule with a known centre, or the middle of a crop. In a
    whole scan without a known centre it has to search; the lungs are segmented here.

    Args:
        sample: The scan, and the centre of its nodule, if known.
        transforms: From a scan to the net's input.

    Raises:
        InputError: The scan is at fault.
    """
    watch = Stopwatch()
    with watch("read"):
        scan = read_sample(sample, transforms)
    with watch("lungs"):
        if lacks_center(sample, transforms, scan=scan):
            prepared = _prepare_search(scan)
        else:
            prepared = _prepare_input(sample, transforms, scan=scan)
    return replace(prepared, seconds=watch.seconds)


def prepare_for_outputs(
    sample: Sample, *, transforms: tio.Compose, outputs: RequestedOutputs
) -> PreparedScan:
    """Prepare a scan in another process, which sends back only what the outputs need."""
    return prepare_scan(sample, transforms).reduced(outputs)


def segment_search_region(scan: Scan) -> dict[str, np.ndarray]:
    """Segment the lungs, and the region to search.

    Returns:
        `lungs`, and `mask` with lesions that bulge into them from the wall, each `(W, H, D)` bool
        on the scan's canonical grid.

    Raises:
        InputError: No lungs are found.
    """
    canonical = scan.grid.canonical
    hu, spacing_mm = reorient(scan.hu, scan.grid, target=canonical), canonical.spacing_mm
    try:
        pockets = lung_pockets(air(hu), hu, spacing_mm=spacing_mm)
    except ValueError as error:
        raise InputError(
            f"{scan.source}: {error} Give a CT of the whole chest, in HU, or a nodule's crop."
        ) from error
    airway = trachea(pockets, hu, spacing_mm=spacing_mm)
    lungs = pockets & ~airway
    # without a margin: centres lie in the lungs, and cubes reach beyond
    mask = mask_around(lungs, airway, spacing_mm=spacing_mm, kind=SEARCHED, margin_mm=0)
    return {"lungs": lungs, "mask": mask}


def _prepare_search(scan: Scan) -> PreparedScan:
    pixels = pixel_hash(scan)
    return PreparedScan(
        scan=scan,
        subject=None,
        searched=segment_search_region(scan),
        quality=Quality(),
        warnings=scan.warnings,
        pixels=pixels,
    )


def _prepare_input(sample: Sample, transforms: tio.Compose, *, scan: Scan) -> PreparedScan:
    pixels = pixel_hash(scan)
    prepared = prepare_sample(sample, transforms, scan=scan)
    subject = prepared.subject
    warnings = [finding.sentence for finding in prepared.findings]
    is_crop = "mask" not in subject and prepared.center_mm is None
    if is_crop and _is_much_larger(grid(subject, "image"), grid(subject, "input")):
        warnings.append("Only a cube in the crop's middle was looked at; give a smaller crop.")
    return PreparedScan(
        scan=scan,
        subject=subject,
        searched=None,
        quality=prepared.quality,
        warnings=warnings,
        pixels=pixels,
    )


def _is_much_larger(scan: Grid, part: Grid) -> bool:
    """Return True if a scan is over twice as long as a part of it along any axis."""
    scan_mm = np.multiply(scan.shape, scan.spacing_mm)
    return bool((scan_mm > 2 * np.multiply(part.shape, part.spacing_mm)).any())
