"""Check of scans before anything is trained on them: `python -m lungcam check PATH...`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.cli.app import BAD_INPUT, DONE
from lungcam.config.options import LungsOptions, check_choices
from lungcam.config.paths import expand, refuse_absent, refuse_file
from lungcam.errors import InputError
from lungcam.runtime.written import keep_record, open_record

VIEWS = ("lungs", "nodule")
TILTS = ("straighten", "refuse")


def run(paths: Sequence[Path], settings: Mapping[str, str]) -> int:
    """Check scans, print one line for each, and return the exit code.

    Args:
        paths: Volume files, DICOM folders, or folders of many.
        settings: `view`: `lungs` expects a whole chest and checks the lung mask, `nodule` accepts
            crops; `mask`, the lung mask to check; `series`, a SeriesInstanceUID where one folder
            holds several; `time`, the volume where a file holds several; `tilt`, straighten or
            refuse; `out`, the folder for check.json and masks.html.

    Raises:
        InputError: A path holds no scan, or a setting is wrong.
    """
    if not paths:
        raise InputError("check: name the scans to check: python -m lungcam check PATH...")
    view, mask = settings.get("view", "lungs"), settings.get("mask", LungsOptions.mask)
    try:
        check_choices(LungsOptions, {"mask": mask})
    except ValueError as error:
        raise InputError(str(error)) from error
    if view not in VIEWS:
        raise InputError(f"view={view}: choose {' or '.join(VIEWS)}.")
    time, tilt = settings.get("time"), settings.get("tilt", TILTS[0])
    if tilt not in TILTS:
        raise InputError(f"tilt={tilt}: choose {' or '.join(TILTS)}.")
    if time is not None and not time.isdecimal():
        raise InputError(f"time={time}: give the number of a volume, from 0.")
    paths = [expand(path) for path in paths]
    for path in paths:
        refuse_absent(path, "the path")
    if "out" in settings:
        out = Path(settings["out"])
        refuse_file(out, "out")
        open_record(out).refuse_foreign([out / "check.json", out / "masks.html"])
    # slow to load
    from lungcam.runs.check_scans import Reading, check_scans, describe_checks, write_checks

    checked = check_scans(
        paths,
        whole_chest=view == "lungs",
        mask=mask,
        reading=Reading(
            series=settings.get("series"), time=None if time is None else int(time), tilt=tilt
        ),
        thumbnails="out" in settings,
    )
    print(describe_checks(checked))
    if "out" in settings:
        keep_record(Path(settings["out"]))
        write_checks(Path(settings["out"]), checked)
        print(f"results: {settings['out']}")
    return DONE if all(scan.check.usable for scan in checked) else BAD_INPUT
