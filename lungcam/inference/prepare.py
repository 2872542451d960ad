"""Preparation of a scan for a net: all work that can be done without the net."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torchio as tio

from lungcam.cohorts import Sample
from lungcam.data import pixel_hash, prepare_sample, read_lesion
from lungcam.data.prepare import traits_of
from lungcam.data.prepared_sample import lacks_center, read_sample
from lungcam.data.scan_traits import ScanTraits, scan_traits
from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.lungs import (
    air,
    dilate,
    lung_pockets,
    mask_around,
    mask_findings,
    mask_quality,
    trachea,
)
from lungcam.masks import GivenLungs, read_lungs
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.scans import Scan
from lungcam.transforms import Quality
from lungcam.transforms.subject import grid, volume

# mask to search: lungs with lesions that bulge into them from the wall, so that none is missed
SEARCHED = "closed"
# width of the trachea's wall
WINDPIPE_MM = 4.0
# widest distance of slices that the detector learnt small nodules from
TRIED_SLICE_MM = 3.0
# images of a prepared subject on the scan's voxels
VOLUMES = ("image", "airway", "aerated", "lungs", "mask")


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
        traits: Traits of the scan, by which it is compared with the training scans.
        lesion: Mask of the sample's lesion and its grid, if it was requested and there is one.
        seconds: Duration of the steps `read` and `lungs`.
    """

    scan: Scan
    subject: tio.Subject | None
    searched: Mapping[str, np.ndarray] | None
    quality: Quality
    warnings: Sequence[str]
    pixels: str
    traits: ScanTraits
    lesion: tuple[np.ndarray, Grid] | None = None
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
        for name in VOLUMES if not outputs.volumes else VOLUMES[:3]:
            if name in self.subject:
                self.subject.remove_image(name)
        if outputs.volumes:
            return self
        return replace(self, scan=replace(self.scan, hu=np.empty((0, 0, 0), np.int16)))


def prepare_scan(sample: Sample, transforms: tio.Compose, *, lesion: bool = False) -> PreparedScan:
    """Read a scan and prepare it for the net.

    A net trained on nodules sees the nodule with a known centre, or the middle of a crop. In a
    whole scan without a known centre it has to search; the lungs are segmented here.

    Args:
        sample: The scan, and the centre of its nodule, if known.
        transforms: From a scan to the net's input.
        lesion: True to read the mask of the sample's lesion, too.

    Raises:
        InputError: The scan or a mask is at fault.
    """
    watch = Stopwatch()
    with watch("read"):
        scan = read_sample(sample, transforms)
        mask = read_lesion(sample, scan) if lesion and sample.lesion_mask else None
    with watch("lungs"):
        if lacks_center(sample, transforms, scan=scan):
            prepared = _prepare_search(sample, scan)
        else:
            prepared = _prepare_input(sample, transforms, scan=scan)
    return replace(prepared, lesion=mask, seconds=watch.seconds)


def prepare_for_outputs(
    sample: Sample, *, transforms: tio.Compose, outputs: RequestedOutputs
) -> PreparedScan:
    """Prepare a scan in another process, which sends back only what the outputs need."""
    return prepare_scan(sample, transforms, lesion=outputs.lesions).reduced(outputs)


def segment_search_region(scan: Scan, given: GivenLungs | None = None) -> dict[str, np.ndarray]:
    """Segment the lungs, and the region to search.

    Args:
        scan: The scan.
        given: Lungs of another program in place of those that are found by their air.

    Returns:
        `lungs`, and `mask` with lesions that bulge into them from the wall, each `(W, H, D)` bool
        on the scan's canonical grid.

    Raises:
        InputError: No lungs are found.
    """
    canonical = scan.grid.canonical
    hu, spacing_mm = reorient(scan.hu, scan.grid, target=canonical), canonical.spacing_mm
    if given is not None:
        lungs, airway = given.lungs, given.airway
    else:
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
    # the wall of the trachea is no place for a nodule of the lungs
    mask &= lungs | ~dilate(airway, spacing_mm, distance_mm=WINDPIPE_MM)
    return {"lungs": lungs, "mask": mask}


def _prepare_search(sample: Sample, scan: Scan) -> PreparedScan:
    pixels, given = pixel_hash(scan), None
    if sample.lungs_mask is not None:
        given = read_lungs(sample.lungs_mask, scan, segment=sample.lungs_segment)
    searched = segment_search_region(scan, given)
    quality = _search_quality(scan, searched)
    return PreparedScan(
        scan=scan,
        subject=None,
        searched=searched,
        quality=quality,
        warnings=[
            *scan.warnings,
            *(finding.sentence for finding in quality.findings),
            *_beyond_detector(scan),
        ],
        pixels=pixels,
        traits=scan_traits(
            scan,
            lungs=searched["lungs"],
            lungs_ml=quality.figures["lungs_ml"],
            age=sample.age,
        ),
    )


def _search_quality(scan: Scan, searched: Mapping[str, np.ndarray]) -> Quality:
    """Measure the lungs that are searched: an opaque lung, or a child's, is worth a warning."""
    canonical = scan.grid.canonical
    figures = mask_quality(
        reorient(scan.hu, scan.grid, target=canonical),
        searched["lungs"],
        mask=searched["mask"],
        spacing_mm=canonical.spacing_mm,
    )
    return Quality(figures, mask_findings(figures))


def _beyond_detector(scan: Scan) -> list[str]:
    """Say what the detector of nodules was never tried on."""
    slice_mm = max(scan.grid.spacing_mm)
    if slice_mm <= TRIED_SLICE_MM:
        return []
    return [
        f"The slices are {slice_mm:.3g} mm apart; the search for nodules was never tried on slices "
        f"over {TRIED_SLICE_MM:.0f} mm apart, and misses small ones there."
    ]


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
        traits=traits_of(sample, prepared),
    )


def _is_much_larger(scan: Grid, part: Grid) -> bool:
    """Return True if a scan is over twice as long as a part of it along any axis."""
    scan_mm = np.multiply(scan.shape, scan.spacing_mm)
    return bool((scan_mm > 2 * np.multiply(part.shape, part.spacing_mm)).any())
