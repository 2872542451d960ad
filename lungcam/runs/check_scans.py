"""Check of scans before anything is trained on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from lungcam.errors import InputError
from lungcam.findings import ScanCheck
from lungcam.masks.find import FoundMask, find_masks
from lungcam.report.mask_page import Thumbnail, write_mask_page
from lungcam.runtime.atomic import write_json
from lungcam.runtime.parallel import Failure, run_all
from lungcam.scans import Scan, check_scan, discover
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    mask_thumbnail,
    pipeline,
    prepare,
    quality,
)
from lungcam.transforms.pipeline import Quality


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Settings of `lungcam.scans.read_scan`.

    Attributes:
        series: SeriesInstanceUID, where one folder holds several.
        time: Index of the volume, where one file holds several.
        tilt: `straighten` or `refuse` the slices of a tilted gantry.
    """

    series: str | None = None
    time: int | None = None
    tilt: str = "straighten"


@dataclass(frozen=True, eq=False)
class CheckedScan:
    """Outcome of one scan.

    Attributes:
        check: Findings of the scan and of its mask.
        quality: Quality of the mask, empty if there is none.
        picture: Thumbnail of the mask, if it was requested and there is one.
        scan: The scan without its voxels; None if it cannot be used.
        masks: Masks of other programs that were drawn on it.
    """

    check: ScanCheck
    quality: Quality = field(default_factory=Quality)
    picture: np.ndarray | None = None
    scan: Scan | None = None
    masks: Sequence[FoundMask] = ()


def check_scans(
    paths: Sequence[Path],
    *,
    whole_chest: bool,
    mask: str,
    thumbnails: bool,
    reading: Reading = Reading(),
) -> list[CheckedScan]:
    """Check every scan under some paths.

    Args:
        paths: Volume files, DICOM folders, or folders of many.
        whole_chest: True to expect whole chests and check their lung masks; False to accept crops.
        mask: Mask to check; see `lungcam.lungs.mask_around`.
        thumbnails: Draw the masks, for a sheet of all.
        reading: Settings of the reader.

    Raises:
        InputError: A path holds no scan.
    """
    if reading.series is not None:
        sources = list(paths)
    else:
        sources = [source.path for path in paths for source in discover(path)]
    work = partial(
        _check_scan,
        whole_chest=whole_chest,
        mask=mask,
        reading=reading,
        thumbnail=thumbnails,
    )
    jobs = [(source,) for source in sources]
    outcomes = run_all(work, jobs, label="checking", lenient=True)
    checked = [
        _lost(source, outcome) if isinstance(outcome, Failure) else outcome
        for source, outcome in zip(sources, outcomes, strict=True)
    ]
    folders = [path for path in paths if path.is_dir()]
    masks = find_masks(folders, around=[source for source in sources if source in folders])
    return [_with_masks(result, masks) for result in checked]


def _with_masks(result: CheckedScan, masks: Sequence[FoundMask]) -> CheckedScan:
    """Add the masks that were drawn on a scan."""
    scan = result.scan
    if scan is None:
        return result
    return replace(
        result, masks=[mask for mask in masks if mask.fits(scan.series_uid, scan.frame_uid)]
    )


def _lost(source: Path, failure: Failure) -> CheckedScan:
    """Return the outcome of a scan that a decoder or the memory did not survive."""
    check = ScanCheck(str(source))
    check.add("undecodable", "refused", message=failure.reason.rstrip("."))
    return CheckedScan(check)


def _check_scan(
    source: Path, *, whole_chest: bool, mask: str, reading: Reading, thumbnail: bool
) -> CheckedScan:
    """Read one scan and, if it is a whole chest, check its mask."""
    check, scan = check_scan(
        source,
        reading.series,
        whole_chest=whole_chest,
        time=reading.time,
        tilt=reading.tilt,
    )
    if scan is None:
        return CheckedScan(check)
    # without the voxels and headers, which would be sent from process to process
    reduced = replace(scan, hu=np.empty((0, 0, 0), np.int16), slices=())
    if not whole_chest:
        return CheckedScan(check, scan=reduced)
    steps = {
        "threshold": HUThreshold(),
        "components": LungComponents(),
        "mask": LungMask(kind=mask),
    }
    try:
        subject = prepare(scan, pipeline(steps))
    except InputError as error:
        reason = str(error).removeprefix(f"{scan.source}: ").rstrip(".")
        check.add("no_lungs", "refused", message=reason)
        return CheckedScan(check)
    mask_quality = quality(subject)
    check.findings.extend(mask_quality.findings)
    picture = mask_thumbnail(subject) if thumbnail else None
    return CheckedScan(check, mask_quality, picture, scan=reduced)


def write_checks(folder: Path, checked: Sequence[CheckedScan]) -> None:
    """Write check.json, and masks.html if there is a mask."""
    report = [
        scan.check.as_dict()
        | {
            "mask_quality": scan.quality.figures or None,
            "masks": [
                {"file": str(mask.file), "kind": mask.kind, "names": mask.names}
                for mask in scan.masks
            ],
        }
        for scan in checked
    ]
    write_json(folder / "check.json", report)
    thumbnails = [
        Thumbnail(
            Path(scan.check.scan).name,
            scan.picture,
            [finding.code for finding in scan.quality.findings],
        )
        for scan in checked
        if scan.picture is not None
    ]
    if thumbnails:
        write_mask_page(folder / "masks.html", thumbnails)


def describe_checks(checked: Sequence[CheckedScan]) -> str:
    """Put each scan into a line, and count those that are refused and those to be looked at.

    A line for each mask that was drawn on a scan follows that of the scan.
    """
    lines = []
    for scan in checked:
        lines.append(f"{_word(scan.check):8} {scan.check.line}")
        lines += [f"{'mask':8} {mask.sentence}" for mask in scan.masks]
    refused = sum(not scan.check.usable for scan in checked)
    flagged = sum(
        scan.check.usable and bool(scan.check.with_outcome("flagged")) for scan in checked
    )
    lines.append(f"{len(checked)} scan(s): {refused} refused, {flagged} to be looked at.")
    return "\n".join(lines)


def _word(check: ScanCheck) -> str:
    if not check.usable:
        return "REFUSED"
    return "LOOK" if check.with_outcome("flagged") else "ok"
