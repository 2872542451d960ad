"""NLST's layout of people followed for years, of whom some get cancer: the best risk is known.

What NLST's tables tell of a person whose course is laid down, as far as it was followed.
"""

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
    cancer,
    cancer_rows,
    exam_rows,
    slice_number,
    traits,
    trial_rows,
)
from lungcam.phantom.screening import (
    HORIZON,
    Course,
    Screened,
    best_risk,
    draw_course,
    screened_phantom,
)

AGAIN_SHARE = 0.4
LOST_SHARE = 0.25
# days from T0: of the T1 exam, of the end of follow-up of most, and of those who were lost
AGAIN, LONG, LOST = (350, 420), (2250, 2700), (183, HORIZON)
POSITIVE, STABLE, CLEAN, MINOR = 4, 5, 1, 2
LEFT_STUDY, REFUSED, HAS_CANCER = 11, 15, 23


@dataclass(frozen=True)
class Following:
    """How long a person was followed; drawn without looking at the course.

    Attributes:
        first: Day of the T0 exam, from randomization.
        exams: Days of the exams, from T0.
        end: Day from T0 on which follow-up ended; a cancer after it is in no table.
    """

    first: int
    exams: tuple[int, ...]
    end: int


def draw_following(rng: np.random.Generator, course: Course) -> Following:
    """Draw who comes back for T1 and who is lost; nobody comes after a diagnosis or after all."""
    first, again = int(rng.integers(0, 60)), int(rng.integers(*AGAIN))
    comes, lost = rng.random() < AGAIN_SHARE, rng.random() < LOST_SHARE
    end = int(rng.integers(*(LOST if lost else LONG)))
    comes = comes and again < min(course.cancer, end)
    return Following(first, (0, again) if comes else (0,), end)


def person_row(
    pid: str, subject: Subject, *, course: Course, follow: Following, lobe: int, minor: bool
) -> dict[str, object]:
    """Values of `RESTRICTED`'s columns.

    Args:
        pid: The participant's number.
        subject: The phantom person.
        course: What is laid down for the person.
        follow: How long the person was followed.
        lobe: Code of the place where the cancer arises.
        minor: Whether the readers noted emphysema.
    """
    ill = course.cancer <= follow.end
    sizes = [course.diameter_mm(day) for day in follow.exams]
    clear = MINOR if minor else CLEAN
    isolated = [POSITIVE if size else clear for size in sizes]
    results = list(isolated)
    if len(sizes) > 1 and 0 < sizes[1] == sizes[0]:
        results[1] = STABLE
    missed = [_missed(course, follow, day=year * DAYS_PER_YEAR) for year in range(len(sizes), 3)]
    row = traits(pid, subject.rng("traits")) | {
        "conflc": int(ill), "lung_cancer": int(ill), "last_screen_studyyr": len(sizes) - 1,
        "fup_days": follow.first + follow.end, "deathstat": 0, "can_scr": 0, "canc_rpt_link": 0,
        "canc_free_days": follow.first + follow.end,
    }  # fmt: skip
    for year in range(3):
        row[f"scr_res{year}"] = [*results, *missed][year]
        row[f"scr_iso{year}"] = [*isolated, *missed][year]
        there = year < len(sizes)
        row[f"scr_days{year}"] = follow.first + follow.exams[year] if there else NOT_APPLICABLE
    if ill:
        year, screen = _screen(course, follow)
        diagnosed = follow.first + course.cancer
        row |= cancer(lobe, year, day=diagnosed, diameter=round(course.diameter_mm(course.cancer)))
        row |= {
            "can_scr": screen, "canc_rpt_link": int(screen == 1),
            "canc_free_days": max(diagnosed - 10, follow.first + follow.exams[-1]),
        }  # fmt: skip
    return row


def _missed(course: Course, follow: Following, *, day: int) -> int:
    """Why there was no exam on a day: scr_res."""
    if course.cancer <= min(day + DAYS_PER_YEAR, follow.end):
        return HAS_CANCER
    return LEFT_STUDY if follow.end <= day else REFUSED


def _screen(course: Course, follow: Following) -> tuple[int, int]:
    """Study year that a cancer is counted in, and can_scr.

    Within a year of an exam the nodule was seen in it: the cancer follows a positive screen.
    """
    last = len(follow.exams) - 1
    if course.cancer - follow.exams[-1] < DAYS_PER_YEAR:
        return last, 1
    year = max(course.cancer // DAYS_PER_YEAR, last + 1)
    return min(year, 7), 3 if year <= 2 else 4


NODULES = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
TRUTH = (
    *("pid", "series_uid", "study_yr", "days_to_cancer"),
    *("pattern", "pattern_x", "pattern_y", "pattern_z", "pattern_radius_mm"),
    *("nodule_x", "nodule_y", "nodule_z", "nodule_diameter_mm"),
    *(f"best_risk_{year + 1}" for year in range(HORIZON_YEARS)),
)


def first_exam(subject: Subject) -> Screened:
    """The person's scan at T0."""
    return _exam(subject, _course(subject), day=0)


def write_nlst_risk(out: Path, subject: Subject, phantom: Screened) -> Entry:
    """Write the exams of a participant.

    Returns:
        The T0 exam's thin reconstruction; its label by the rule `risk`.
    """
    pid = str(FIRST_PID + subject.index)
    course, rng = _course(subject), subject.rng("following")
    follow = draw_following(rng, course)
    minor = bool(rng.random() < EMPHYSEMA_SHARE)
    scans = [phantom, *(_exam(subject, course, day=day) for day in follow.exams[1:])]
    site = lobe_at(phantom, phantom.site_mm)
    person = person_row(pid, subject, course=course, follow=follow, lobe=site, minor=minor)
    rows: dict[str, list] = {"annotations.csv": [], "truth.csv": []}
    folders, exams, before = [], [], 0.0
    for year, (day, scan) in enumerate(zip(follow.exams, scans, strict=True)):
        # a thick one would cost half as much again, and the reader takes the thin one
        folders.append(
            write_exam(
                out, pid, subject=subject, hu=scan.hu, affine=scan.affine, year=year, thick=False
            )
        )
        size = scan.diameter_mm
        told = Participant(
            person=person,
            lobe=lobe_at(scan, scan.center_mm) if size else None,
            slice_number=slice_number(scan),
            diameter=round(size),
            emphysema=minor,
            spiculated=True,
            known=before > 0,
            grown=size > before > 0,
        )
        exams.append(exam_rows(told, year))
        before = size
        uid = subject.uid(f"T{year}", "thin")
        if size:
            rows["annotations.csv"].append([uid, *_lps(scan.center_mm), f"{size:.10g}"])
        rows["truth.csv"].append(
            [pid, uid, year, *_truth(course, day, scan=scan, share=subject.pattern)]
        )
    rows |= trial_rows(person, cancer_rows(person, site), exams=exams)
    return Entry(
        image=folders[0].as_posix(),
        patient_id=pid,
        study_uid=subject.uid("study", "T0"),
        series_uid=subject.uid("T0", "thin"),
        center_mm=phantom.center_mm,
        label=_label(course, follow.end),
        rows=rows,
    )


def _course(subject: Subject) -> Course:
    return draw_course(subject.rng("course"), subject.kind)


def _exam(subject: Subject, course: Course, *, day: int) -> Screened:
    return screened_phantom(
        subject.seed,
        subject.kind,
        course=course,
        day=day,
        share=subject.pattern,
        difficulty=subject.difficulty,
        matrix=subject.matrix,
    )


def _label(course: Course, end: int) -> int | None:
    """Cancer within the horizon that was seen, or known to be free into its last year."""
    if course.cancer <= end and course.cancer < HORIZON:
        return 1
    return 0 if min(course.cancer, end) >= HORIZON - DAYS_PER_YEAR else None


def _truth(course: Course, day: int, *, scan: Screened, share: float) -> Iterator[object]:
    """What is true of an exam, whether or not follow-up lasted to show it."""
    yield course.cancer - day if course.cancer < LONG[1] else ""
    pattern = scan.pattern_mm is not None
    yield int(pattern)
    yield from (*_lps(scan.pattern_mm), f"{scan.pattern_radius_mm:.6g}") if pattern else [""] * 4
    size = scan.diameter_mm
    yield from (*_lps(scan.center_mm), f"{size:.10g}") if size else [""] * 4
    yield from (f"{risk:.9g}" for risk in best_risk(size, pattern, share))


def _lps(ras_mm: Sequence[float]) -> list[str]:
    """A point in LPS mm, as LUNA16's tables have it."""
    x, y, z = ras_mm
    return [f"{one + 0.0:.10g}" for one in (-x, -y, z)]


NLST_RISK = Layout(
    title="NLST",
    write=write_nlst_risk,
    tables=TABLES | {"annotations.csv": NODULES, "truth.csv": TRUTH},
    settings=("experiment=nlst_risk", "data.root={out}"),
    remarks=(
        "A malignant phantom gets cancer within six years of T0, the others later: each day has "
        "the same odds. A quarter is lost to follow-up before, without regard to that.",
        "A cancer can be seen in its last two years or more and grows; half of all have a small "
        "nodule of the same form that does not. Where the cancer will arise, a faint "
        "pattern precedes it in a share (pattern) of those who get it within six years; an eighth "
        "as many of the others have one too.",
        "annotations.csv has the nodules, as LUNA16's has. truth.csv has, by exam, the days to "
        "cancer, the pattern and the nodule (LPS mm), and the best possible risk within 1 to 6 "
        "years for one who sees all of that scan. No reader of NLST looks at truth.csv.",
        "tables/ holds the public tables, restricted/ those of a data agreement. An exam has a "
        "localizer and a thin reconstruction. Some came back for T1.",
    ),
    make=first_exam,
    pattern=0.8,
)
