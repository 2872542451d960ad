"""Check of scans before anything is trained on them: `python -m lungcam check PATH...`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.cli.app import BAD_INPUT, DONE
from lungcam.config.options import LungsOptions, check_choices
from lungcam.config.paths import refuse_absent, refuse_file
from lungcam.errors import InputError

VIEWS = ("lungs", "nodule")


def run(paths: Sequence[Path], settings: Mapping[str, str]) -> int:
    """Check scans, print one line for each, and return the exit code.

    Args:
        paths: Volume files, DICOM folders, or folders of many.
        settings: `view`: `lungs` expects a whole chest and checks the lung mask, `nodule` accepts
            crops; `mask`, the lung mask to check; `series`, a SeriesInstanceUID where one folder
            holds several; `out`, the folder for check.json and masks.png.

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
    for path in paths:
        refuse_absent(path, "the path")
    if "out" in settings:
        refuse_file(Path(settings["out"]), "out")
    # slow to load
    from lungcam.runs.check_scans import check_scans, describe_checks, write_checks

    checked = check_scans(
        paths,
        whole_chest=view == "lungs",
        mask=mask,
        series=settings.get("series"),
        thumbnails="out" in settings,
    )
    print(describe_checks(checked))
    if "out" in settings:
        write_checks(Path(settings["out"]), checked)
        print(f"results: {settings['out']}")
    return DONE if all(scan.check.usable for scan in checked) else BAD_INPUT
