"""Folders of results: what an earlier command wrote is replaced, and nothing else."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.runtime.atomic import clear_unfinished
from lungcam.runtime.written import keep_record, open_record

PREDICTION = "prediction.json"
# files of a scan's folder; the first one says that the others are complete
FILES = (
    PREDICTION,
    "heatmap.nii.gz",
    "heatmap_*.nii.gz",
    "detection.nii.gz",
    "erased.nii.gz",
    "mask.nii.gz",
    "lungs.nii.gz",
    "render.png",
    "turntable.gif",
    "lungs_histogram.png",
    "report.html",
    "heatmap.dcm",
    "heatmap_slices/*.dcm",
    "mask.dcm",
    "lungs.dcm",
)
# files of the folder of all scans
SHARED = (
    "predictions.csv",
    "metrics.json",
    "defects.log",
    "localisation.json",
    "localisation.csv",
    "candidates.csv",
)


def refuse_foreign_tables(out: Path) -> None:
    """Refuse to write tables of all scans over files that lungcam has not written.

    Args:
        out: Folder of all results, which may be missing.

    Raises:
        ForeignFile: Names the first such file.
    """
    open_record(out).refuse_foreign(out / name for name in SHARED)


def refuse_foreign_results(samples: Iterable[Sample], out: Path) -> None:
    """Refuse to write where files are in the way that lungcam has not written.

    Args:
        samples: Scans that will get results.
        out: Folder of all results.

    Raises:
        InputError: Names the first such file, or the folder of a scan's own slices.
    """
    for sample in samples:
        folder = out / sample.sample_id
        if not folder.exists():
            continue
        if folder.resolve() == sample.image.resolve():
            raise InputError(
                f"{folder}: this is the scan itself; give out= a folder where results do not lie "
                "among its slices."
            )
        open_record(folder).refuse_foreign(_results(folder))


def clear_results(folder: Path) -> None:
    """Make the folder of a scan, and remove what an earlier command wrote into it.

    Raises:
        ForeignFile: A file is in the way that lungcam has not written; nothing is removed.
    """
    record = keep_record(folder, depth=1)
    clear_unfinished(folder)
    results = _results(folder)
    record.refuse_foreign(results)
    for file in results:
        record.discard(file)


def _results(folder: Path) -> list[Path]:
    """Return what looks like results, after the removal of a record that was cut short."""
    prediction = folder / PREDICTION
    if open_record(folder).lists(prediction) and not _is_json(prediction):
        prediction.unlink(missing_ok=True)
    return [file for pattern in FILES for file in sorted(folder.glob(pattern))]


def _is_json(file: Path) -> bool:
    with suppress(OSError, ValueError, RecursionError):
        return isinstance(json.loads(file.read_text(encoding="utf-8")), dict)
    return False
