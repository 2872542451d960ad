"""Nodules of NLST's exams from a table of the user; the trial's tables do not locate them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lungcam.cohorts.luna16.nodules import with_nodules
from lungcam.cohorts.luna16.tables import Points, read_points
from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError

# the file's name in LUNA16
ANNOTATIONS = "annotations.csv"


def nodules_near(*folders: Path) -> Path | None:
    """Return the table of nodules in the first folder that has one; None if none does."""
    files = [folder / ANNOTATIONS for folder in folders]
    return next((file for file in files if file.is_file()), None)


def read_nodules(file: Path) -> Points:
    """Read a table of nodules in LUNA16's format.

    Args:
        file: CSV with the columns seriesuid, coordX, coordY, coordZ (LPS mm) and diameter_mm.

    Raises:
        InputError: There is no such table, it lacks a column, or a row is no nodule.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; correct data.nodules.")
    nodules = read_points(file, "diameter_mm", valid=lambda mm: mm > 0)
    if nodules.bad_rows:
        raise InputError(
            f"{file}: row {nodules.bad_rows[0]} holds no series, point in mm and diameter over 0 "
            "mm; correct it."
        )
    return nodules


def with_annotated(samples: Sequence[Sample], nodules: Points) -> tuple[list[Sample], list[str]]:
    """Add to each sample its series' nodules, and the largest one's centre and diameter.

    Args:
        samples: Samples of NLST, each a series.
        nodules: Nodules from `read_nodules`; those of other series are left out.

    Returns:
        The samples, and sentences.
    """
    annotated = []
    for sample in with_nodules(samples, nodules, excluded=None, counts=True):
        if sample.nodules:
            largest = max(sample.nodules, key=lambda nodule: nodule.diameter_mm)
            sample = replace(sample, center_mm=largest.center_mm, diameter_mm=largest.diameter_mm)
        annotated.append(sample)
    uids = {sample.series_uid for sample in samples}
    exams = sum(bool(sample.nodules) for sample in annotated)
    notes = [f"{nodules.name}: {exams} exam(s) have nodules in it."]
    others = sum(uid not in uids for uid in nodules.uids)
    if others:
        notes.append(
            f"{nodules.name}: {others} nodule(s) are of series that are no samples, and left out."
        )
    return annotated, notes
