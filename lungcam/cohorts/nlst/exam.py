"""One series for each exam."""

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
        pid: The participant.
        year: Screening year, 0 to 2.
        series: The reconstruction that was chosen.
    """

    pid: str
    year: int
    series: Series


def choose_series(
    series: Sequence[Series], kernels: Sequence[str] = ()
) -> tuple[list[Exam], list[str]]:
    """Choose one CT series for each exam.

    Never a localizer. A series of under 10 slices, which is no whole chest, only where there is no
    other. Then the first of the preferred kernels that an exam has, the least SliceThickness, the
    most slices, the first UID.

    Args:
        series: From the catalogue.
        kernels: ConvolutionKernel by preference; case does not matter.

    Returns:
        The exams, sorted by participant and year, and sentences on what was chosen from.
    """
    wanted = {name.strip().lower(): rank for rank, name in reversed(list(enumerate(kernels)))}
    exams: dict[tuple[str, int], list[Series]] = {}
    counts: Counter[str] = Counter()
    for one in series:
        if one.modality != "CT":
            counts["of another modality than CT"] += 1
        elif one.timepoint is None or not NLST.fullmatch(one.patient_id):
            counts["without an NLST participant and screening year"] += 1
        elif one.localizer:
            counts["localizers"] += 1
        else:
            exams.setdefault((one.patient_id, one.timepoint), []).append(one)

    def rank(one: Series) -> tuple:
        thickness = math.inf if one.thickness_mm is None else one.thickness_mm
        kernel = wanted.get(_kernel(one), len(kernels))
        return one.slices < FEWEST_SLICES, kernel, thickness, -one.slices, one.series_uid

    chosen = [Exam(*key, min(found, key=rank)) for key, found in sorted(exams.items())]
    notes = []
    if counts:
        told = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        notes.append(f"Series left aside: {told}.")
    if chosen:
        several = sum(len(found) > 1 for found in exams.values())
        notes.append(
            f"{len(chosen)} series were chosen from {sum(map(len, exams.values()))} of "
            f"{len(chosen)} exams, {several} of which have more than one: by "
            f"{'kernel (' + ', '.join(kernels) + '), then ' if kernels else ''}least "
            "SliceThickness, most slices, UID."
        )
    studies = sum(len({one.study_uid for one in found}) > 1 for found in exams.values())
    if studies:
        notes.append(f"{studies} exam(s) have more than one study in their screening year.")
    if wanted and chosen:
        without = sum(_kernel(exam.series) not in wanted for exam in chosen)
        if without:
            notes.append(f"{without} exam(s) have none of the preferred kernels.")
    short = sum(exam.series.slices < FEWEST_SLICES for exam in chosen)
    if short:
        notes.append(f"{short} exam(s) have no series of {FEWEST_SLICES} slices or more.")
    return chosen, notes


def _kernel(series: Series) -> str:
    """First value of ConvolutionKernel: the rest is how strongly it was applied."""
    return series.kernel.split("\\")[0].strip().lower()
