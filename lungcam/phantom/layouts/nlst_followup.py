"""Layout of NLST with people followed for years, some with cancer: the best risk is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungcam.metrics import DAYS_PER_YEAR, HORIZON_YEARS
from lungcam.phantom.layouts.dicom import write_exam
from lungcam.phantom.layouts.layout import Entry, Layout, Subject, lobe_at
from lungcam.phantom.layouts.nlst_tables import (
    EMPHYSEMA_SHARE,
    FIRST_PID,
    NOT_APPLICABLE,
    TABLES,
    Participant,
    cancer_columns,
    cancer_rows,
    draw_traits,
    exam_rows,
    slice_number,
    trial_rows,
)
from lungcam.phantom.screening import (
    HORIZON,
    Course,
    ScreenedPhantom,
    best_risk,
    draw_course,
    make_screened_phantom,
)

RETURN_SHARE = 0.4
LOST_SHARE = 0.25
# days after T0: the T1 exam, the end of follow-up of most people, and of those lost to follow-up
RETURN, LONG, LOST = (350, 420), (2250, 2700), (183, HORIZON)
# results of a screen: scr_res
POSITIVE, STABLE, CLEAN, MINOR = 4, 5, 1, 2
LEFT_STUDY, REFUSED, HAS_CANCER = 11, 15, 23
NODULES = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
TRUTH = (
    *("pid", "series_uid", "study_yr", "days_to_cancer"),
    *("pattern", "pattern_x", "pattern_y", "pattern_z", "pattern_radius_mm"),
    *("nodule_x", "nodule_y", "nodule_z", "nodule_diameter_mm"),
    *(f"best_risk_{year + 1}" for year in range(HORIZON_YEARS)),
)


@dataclass(frozen=True)
class FollowUp:
    """Follow-up of a person; its end is independent of the course.

    Attributes:
        first: Day of the T0 exam after randomization.
        exams: Days of the exams after T0.
        end: Day after T0 on which follow-up ended; a later cancer is in no table.
    """

    first: int
    exams: tuple[int, ...]
    end: int


def write_nlst_risk(out: Path, subject: Subject, *, phantom: ScreenedPhantom) -> Entry:
    """Write the exams of a participant.

    Returns:
        The entry of the thin reconstruction at T0, with the label by the rule `risk`.
    """
    pid = str(FIRST_PID + subject.index)
    course, rng = _course(subject), subject.rng("following")
    follow = draw_follow_up(rng, course)
    emphysema = bool(rng.random() < EMPHYSEMA_SHARE)
    scans = [phantom, *(_exam(subject, course, day=day) for day in follow.exams[1:])]
    site = lobe_at(phantom, phantom.site_mm)
    person = person_row(pid, subject, course=course, follow=follow, lobe=site, emphysema=emphysema)
    annotations, truth, folders, exams = [], [], [], []
    before = 0.0
    for year, (day, scan) in enumerate(zip(follow.exams, scans, strict=True)):
        # a thick reconstruction would cost half as much again, and the reader takes the thin one
        folders.append(
            write_exam(
                out, pid, subject=subject, hu=scan.hu, affine=scan.affine, year=year, thick=False
            )
        )
        size = scan.diameter_mm
        participant = Participant(
            person=person,
            lobe=lobe_at(scan, scan.center_mm) if size else None,
            slice_number=slice_number(scan),
            diameter=round(size),
            emphysema=emphysema,
            spiculated=True,
            known=before > 0,
            grown=size > before > 0,
        )
        exams.append(exam_rows(participant, year))
        before = size
        uid = subject.uid(f"T{year}", "thin")
        if size:
            annotations.append([uid, *_lps(scan.center_mm), f"{size:.10g}"])
        truth.append([pid, uid, year, *_truth(course, day, scan=scan, share=subject.pattern)])
    tables = trial_rows(person, cancer_rows(person, site), exams=exams)
    return Entry(
        image=folders[0].as_posix(),
        patient_id=pid,
        study_uid=subject.uid("study", "T0"),
        series_uid=subject.uid("T0", "thin"),
        center_mm=phantom.center_mm,
        label=_label(course, follow.end),
        rows={"annotations.csv": annotations, "truth.csv": truth, **tables},
    )


def first_exam(subject: Subject) -> ScreenedPhantom:
    """Return the scan of a person at T0."""
    return _exam(subject, _course(subject), day=0)


def draw_follow_up(rng: np.random.Generator, course: Course) -> FollowUp:
    """Draw the T1 exam and the end of follow-up; nobody returns after a diagnosis or this end."""
    first, second = int(rng.integers(0, 60)), int(rng.integers(*RETURN))
    returns, lost = rng.random() < RETURN_SHARE, rng.random() < LOST_SHARE
    end = int(rng.integers(*(LOST if lost else LONG)))
    returns = returns and second < min(course.cancer, end)
    return FollowUp(first, (0, second) if returns else (0,), end)


def person_row(
    pid: str, subject: Subject, *, course: Course, follow: FollowUp, lobe: int, emphysema: bool
) -> dict[str, object]:
    """Return the values of the columns `RESTRICTED`.

    Args:
        pid: Number of the participant.
        subject: Phantom person.
        course: Course of the person.
        follow: Follow-up of the person.
        lobe: Code of the lobe of the cancer.
        emphysema: True if the readers noted emphysema.
    """
    ill = course.cancer <= follow.end
    sizes = [course.diameter_mm(day) for day in follow.exams]
    negative = MINOR if emphysema else CLEAN
    isolated = [POSITIVE if size else negative for size in sizes]
    results = list(isolated)
    if len(sizes) > 1 and 0 < sizes[1] == sizes[0]:
        results[1] = STABLE
    missed = [_missed(course, follow, day=year * DAYS_PER_YEAR) for year in range(len(sizes), 3)]
    row = draw_traits(pid, subject.rng("traits")) | {
        "conflc": int(ill), "lung_cancer": int(ill), "last_screen_studyyr": len(sizes) - 1,
        "fup_days": follow.first + follow.end, "deathstat": 0, "can_scr": 0, "canc_rpt_link": 0,
        "canc_free_days": follow.first + follow.end,
    }  # fmt: skip
    for year in range(3):
        row[f"scr_res{year}"] = [*results, *missed][year]
        row[f"scr_iso{year}"] = [*isolated, *missed][year]
        screened = year < len(sizes)
        row[f"scr_days{year}"] = follow.first + follow.exams[year] if screened else NOT_APPLICABLE
    if ill:
        year, screen = _screen(course, follow)
        diagnosed = follow.first + course.cancer
        row |= cancer_columns(
            lobe, year, day=diagnosed, diameter=round(course.diameter_mm(course.cancer))
        )
        row |= {
            "can_scr": screen, "canc_rpt_link": int(screen == 1),
            "canc_free_days": max(diagnosed - 10, follow.first + follow.exams[-1]),
        }  # fmt: skip
    return row


def _missed(course: Course, follow: FollowUp, *, day: int) -> int:
    """Return the scr_res of a day without an exam."""
    if course.cancer <= min(day + DAYS_PER_YEAR, follow.end):
        return HAS_CANCER
    return LEFT_STUDY if follow.end <= day else REFUSED


def _screen(course: Course, follow: FollowUp) -> tuple[int, int]:
    """Return the study year of a cancer, and can_scr.

    A cancer within a year of an exam was visible in it: it follows a positive screen.
    """
    last = len(follow.exams) - 1
    if course.cancer - follow.exams[-1] < DAYS_PER_YEAR:
        return last, 1
    year = max(course.cancer // DAYS_PER_YEAR, last + 1)
    return min(year, 7), 3 if year <= 2 else 4


def _course(subject: Subject) -> Course:
    return draw_course(subject.rng("course"), subject.kind)


def _exam(subject: Subject, course: Course, *, day: int) -> ScreenedPhantom:
    return make_screened_phantom(
        subject.seed,
        subject.kind,
        course=course,
        day=day,
        share=subject.pattern,
        difficulty=subject.difficulty,
        matrix=subject.matrix,
    )


def _label(course: Course, end: int) -> int | None:
    """Return 1 for a diagnosed cancer within the horizon, 0 for none into its last year."""
    if course.cancer <= end and course.cancer < HORIZON:
        return 1
    return 0 if min(course.cancer, end) >= HORIZON - DAYS_PER_YEAR else None


def _truth(course: Course, day: int, *, scan: ScreenedPhantom, share: float) -> Iterator[object]:
    """Yield the truth of an exam, also beyond the end of follow-up."""
    yield course.cancer - day if course.cancer < LONG[1] else ""
    pattern = scan.pattern_mm is not None
    yield int(pattern)
    yield from (*_lps(scan.pattern_mm), f"{scan.pattern_radius_mm:.6g}") if pattern else [""] * 4
    size = scan.diameter_mm
    yield from (*_lps(scan.center_mm), f"{size:.10g}") if size else [""] * 4
    yield from (f"{risk:.9g}" for risk in best_risk(size, pattern, share=share))


def _lps(ras_mm: Sequence[float]) -> list[str]:
    """Format a point in LPS mm as in LUNA16's tables."""
    x, y, z = ras_mm
    return [f"{value + 0.0:.10g}" for value in (-x, -y, z)]


NLST_RISK = Layout(
    title="NLST",
    write=write_nlst_risk,
    tables=TABLES | {"annotations.csv": NODULES, "truth.csv": TRUTH},
    settings=("experiment=nlst_risk", "data.root={out}"),
    remarks=(
        "A malignant phantom gets cancer within six years of T0, the others later: the "
        "hazard is constant. A quarter is lost to follow-up before, independent of the cancer.",
        "A cancer is visible for its last two years or more and grows; half of all people have a "
        "small nodule of the same shape that does not grow. At the site of the cancer, a faint "
        "pattern precedes it in a share (pattern) of those who get it within six years, and in an "
        "eighth of that share of the others.",
        "annotations.csv lists the nodules, as in LUNA16. truth.csv lists for each exam the days "
        "to cancer, the pattern and the nodule (LPS mm), and the best possible risk within 1 to "
        "6 years given everything in that scan. The reader of NLST does not use truth.csv.",
        "tables/ holds the public tables, restricted/ those of a data agreement. An exam has a "
        "localizer and a thin reconstruction. Some returned for T1.",
    ),
    make=first_exam,
    pattern=0.8,
)
