"""Choice of one series for each exam."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lungcam.cohorts.dicom_index import Series
from lungcam.cohorts.dicom_index.tags import NLST
from lungcam.scans.read import FEWEST_SLICES


@dataclass(frozen=True)
class Exam:
    """One CT screen of one person.

    Attributes:
        pid: Number of the participant.
        year: Screening year, 0 to 2.
        series: The chosen reconstruction.
    """

    pid: str
    year: int
    series: Series


def choose_series(
    series: Sequence[Series], kernels: Sequence[str] = ()
) -> tuple[list[Exam], list[str]]:
    """Choose one CT series for each exam.

    A localizer is never chosen, and a series of under 10 slices, which does not cover the chest,
    only if there is no other. Then the order is: the first of the preferred kernels that an exam
    has, the smallest SliceThickness, the most slices, the first UID.

    Args:
        series: Series from the catalogue.
        kernels: ConvolutionKernel by preference; case does not matter.

    Returns:
        The exams, sorted by participant and year, and sentences on the choice.
    """
    preference = {name.strip().lower(): rank for rank, name in reversed(list(enumerate(kernels)))}
    exams: dict[tuple[str, int], list[Series]] = {}
    skipped: Counter[str] = Counter()
    for item in series:
        if item.modality != "CT":
            skipped["of another modality than CT"] += 1
        elif item.timepoint is None or not NLST.fullmatch(item.patient_id):
            skipped["without an NLST participant and screening year"] += 1
        elif item.localizer:
            skipped["localizers"] += 1
        else:
            exams.setdefault((item.patient_id, item.timepoint), []).append(item)

    def rank(item: Series) -> tuple:
        thickness = math.inf if item.thickness_mm is None else item.thickness_mm
        kernel = preference.get(_kernel(item), len(kernels))
        return item.slices < FEWEST_SLICES, kernel, thickness, -item.slices, item.series_uid

    chosen = [Exam(*key, min(group, key=rank)) for key, group in sorted(exams.items())]
    notes = []
    if skipped:
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(skipped.items()))
        notes.append(f"Series skipped: {counts}.")
    if chosen:
        several = sum(len(group) > 1 for group in exams.values())
        notes.append(
            f"{len(chosen)} series were chosen from {sum(map(len, exams.values()))} of "
            f"{len(chosen)} exams, {several} with more than one: by "
            f"{'kernel (' + ', '.join(kernels) + '), then ' if kernels else ''}least "
            "SliceThickness, most slices, UID."
        )
    studies = sum(len({item.study_uid for item in group}) > 1 for group in exams.values())
    if studies:
        notes.append(f"{studies} exam(s) have more than one study in their screening year.")
    if preference and chosen:
        without = sum(_kernel(exam.series) not in preference for exam in chosen)
        if without:
            notes.append(f"{without} exam(s) have none of the preferred kernels.")
    short = sum(exam.series.slices < FEWEST_SLICES for exam in chosen)
    if short:
        notes.append(f"{short} exam(s) have no series of {FEWEST_SLICES} slices or more.")
    return chosen, notes


def _kernel(series: Series) -> str:
    """Return the first value of ConvolutionKernel; the rest is the strength of its application."""
    return series.kernel.split("\\")[0].strip().lower()
