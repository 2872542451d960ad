"""Check of scans before anything is trained on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from lungcam.errors import InputError
from lungcam.findings import ScanCheck
from lungcam.report.mask_sheet import Thumbnail, write_sheet
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all
from lungcam.scans import check_scan, discover
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


@dataclass(frozen=True, eq=False)
class CheckedScan:
    """Outcome of one scan.

    Attributes:
        check: Findings of the scan and of its mask.
        quality: Quality of the mask, empty if there is none.
        picture: Thumbnail of the mask, if it was requested and there is one.
    """

    check: ScanCheck
    quality: Quality = field(default_factory=Quality)
    picture: np.ndarray | None = None


def check_scans(
    paths: Sequence[Path],
    *,
    whole_chest: bool,
    mask: str,
    series: str | None,
    thumbnails: bool,
) -> list[CheckedScan]:
    """Check every scan under some paths.

    Args:
        paths: Volume files, DICOM folders, or folders of many.
        whole_chest: True to expect whole chests and check their lung masks; False to accept crops.
        mask: Mask to check; see `lungcam.lungs.mask_around`.
        series: SeriesInstanceUID, where one folder holds several.
        thumbnails: Draw the masks, for a sheet of all.

    Raises:
        InputError: A path holds no scan.
    """
    if series is not None:
        sources = list(paths)
    else:
        sources = [source.path for path in paths for source in discover(path)]
    work = partial(
        _check_scan,
        whole_chest=whole_chest,
        mask=mask,
        series=series,
        thumbnail=thumbnails,
    )
    return run_all(work, [(source,) for source in sources], label="checking")


def _check_scan(
    source: Path, *, whole_chest: bool, mask: str, series: str | None, thumbnail: bool
) -> CheckedScan:
    """Read one scan and, if it is a whole chest, check its mask."""
    check, scan = check_scan(source, series, whole_chest=whole_chest)
    if scan is None or not whole_chest:
        return CheckedScan(check)
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
    return CheckedScan(check, mask_quality, mask_thumbnail(subject) if thumbnail else None)


def write_checks(folder: Path, checked: Sequence[CheckedScan]) -> None:
    """Write check.json, and masks.png if there is a mask."""
    report = [
        scan.check.as_dict() | {"mask_quality": scan.quality.figures or None} for scan in checked
    ]
    write_text(folder / "check.json", json.dumps(report, indent=2) + "\n")
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
        write_sheet(folder / "masks.png", thumbnails)


def describe_checks(checked: Sequence[CheckedScan]) -> str:
    """Put each scan into a line, and count those that are refused and those to be looked at."""
    lines = [f"{_word(scan.check):8} {scan.check.line}" for scan in checked]
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
