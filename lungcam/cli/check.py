"""The verdict on scans, before anything is trained on them."""

import json
from collections.abc import Sequence
from pathlib import Path

from lungcam.errors import InputError
from lungcam.files import write_text
from lungcam.lungs import MASKS
from lungcam.pool import run_all
from lungcam.report import Thumbnail, write_sheet
from lungcam.scans import check_scan, discover
from lungcam.transforms import HUThreshold, LungComponents, LungMask, pipeline, prepare, quality
from lungcam.transforms.quality import Quality
from lungcam.verdict import Verdict

VIEWS = ("lungs", "nodule")


def check(
    paths: Sequence[Path],
    view: str = "lungs",
    mask: str = "cavity",
    series: str | None = None,
    out: Path | None = None,
) -> bool:
    """Print one line for each scan under some paths, and what was found in all.

    Args:
        paths: Volume files, DICOM folders, or folders of many.
        view: `lungs` asks for a whole chest and judges the lung mask; `nodule` takes crops.
        mask: The mask to judge; see `lungcam.lungs.mask_around`.
        series: SeriesInstanceUID, where one folder holds several.
        out: Folder for check.json, and masks.png where lungs are asked for.

    Returns:
        Whether every scan is usable.

    Raises:
        InputError: A path holds no scan, or a setting is wrong.
    """
    if mask not in MASKS:
        raise InputError(f"mask={mask}: choose {', '.join(MASKS)}.")
    if view not in VIEWS:
        raise InputError(f"view={view}: choose {' or '.join(VIEWS)}.")
    if series is not None:
        sources = list(paths)
    else:
        sources = [source.path for path in paths for source in discover(path)]
    jobs = [(source, view == "lungs", mask, series) for source in sources]
    checked = run_all(check_one, jobs, "checking")
    for verdict, _ in checked:
        print(f"{_word(verdict):8} {verdict.line}")
    bad = sum(not verdict.usable for verdict, _ in checked)
    flagged = sum(verdict.usable and bool(verdict.of("flagged")) for verdict, _ in checked)
    print(f"{len(checked)} scan(s): {bad} refused, {flagged} to be looked at.")
    if out is not None:
        report = [
            verdict.as_dict() | {"mask_quality": judged.figures or None}
            for verdict, judged in checked
        ]
        write_text(out / "check.json", json.dumps(report, indent=2) + "\n")
        thumbnails = [
            Thumbnail(Path(verdict.scan).name, judged.picture, [f.code for f in judged.findings])
            for verdict, judged in checked
            if judged.picture is not None
        ]
        if thumbnails:
            write_sheet(out / "masks.png", thumbnails)
        print(f"results: {out}")
    return not bad


def check_one(
    source: Path, whole_chest: bool, mask: str, series: str | None
) -> tuple[Verdict, Quality]:
    """Read one scan and, of a whole chest, judge its mask."""
    verdict, scan = check_scan(source, series, whole_chest)
    if scan is None or not whole_chest:
        return verdict, Quality()
    steps = {
        "threshold": HUThreshold(),
        "components": LungComponents(),
        "mask": LungMask(kind=mask),
    }
    try:
        judged = quality(prepare(scan, pipeline(steps)))
    except InputError as error:
        told = str(error).removeprefix(f"{scan.source}: ").rstrip(".")
        verdict.add("no_lungs", "refused", told)
        return verdict, Quality()
    verdict.findings.extend(judged.findings)
    return verdict, judged


def _word(verdict: Verdict) -> str:
    if not verdict.usable:
        return "REFUSED"
    if verdict.of("flagged"):
        return "LOOK"
    return "ok"
