"""Nodules of NLST's exams from a table of one's own: the trial's tables know no place."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lungcam.cohorts.luna16.nodules import with_nodules
from lungcam.cohorts.luna16.tables import Points, read_points
from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError

# LUNA16's own name of it
ANNOTATIONS = "annotations.csv"


def nodules_near(*folders: Path) -> Path | None:
    """The table of nodules in the first of some folders that has one; None where none does."""
    return next((one / ANNOTATIONS for one in folders if (one / ANNOTATIONS).is_file()), None)


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
    """Tell each sample of its series' nodules, and of the largest one's centre and diameter.

    Args:
        samples: Of NLST, a series each.
        nodules: From `read_nodules`; those of other series are left out.

    Returns:
        The samples, and sentences.
    """
    told = []
    for sample in with_nodules(samples, nodules, excluded=None, counts=True):
        if sample.nodules:
            largest = max(sample.nodules, key=lambda one: one.diameter_mm)
            sample = replace(sample, center_mm=largest.center_mm, diameter_mm=largest.diameter_mm)
        told.append(sample)
    used = {sample.series_uid for sample in samples}
    exams = sum(bool(sample.nodules) for sample in told)
    notes = [f"{nodules.name}: {exams} exam(s) have nodules in it."]
    others = sum(uid not in used for uid in nodules.uids)
    if others:
        notes.append(
            f"{nodules.name}: {others} nodule(s) are of series that are no samples, and left out."
        )
    return told, notes
