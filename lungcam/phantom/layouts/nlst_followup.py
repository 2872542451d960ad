"""NLST's layout of people followed for years, of whom some get cancer: the best risk is known."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lungcam.cohorts.phantom.best_risk import best_risk
from lungcam.cohorts.phantom.course import HORIZON, YEAR, YEARS, Course, draw_course
from lungcam.cohorts.phantom.layouts.exam import write_exam
from lungcam.cohorts.phantom.layouts.layout import Entry, Layout
from lungcam.cohorts.phantom.layouts.lobe import lobe_at
from lungcam.cohorts.phantom.layouts.nlst_files import FIRST_PID, TABLES, trial_rows
from lungcam.cohorts.phantom.layouts.nlst_risk_tables import LONG, draw_following, person_row
from lungcam.cohorts.phantom.layouts.nlst_tables import (
    EMPHYSEMA_SHARE,
    Participant,
    cancer_rows,
    exam_rows,
    slice_number,
)
from lungcam.cohorts.phantom.layouts.subject import Subject
from lungcam.cohorts.phantom.screened import Screened, screened_phantom

NODULES = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
TRUTH = (
    *("pid", "series_uid", "study_yr", "days_to_cancer"),
    *("pattern", "pattern_x", "pattern_y", "pattern_z", "pattern_radius_mm"),
    *("nodule_x", "nodule_y", "nodule_z", "nodule_diameter_mm"),
    *(f"best_risk_{year + 1}" for year in range(YEARS)),
)


def first_exam(subject: Subject) -> Screened:
    """The person's scan at T0."""
    return _exam(subject, _course(subject), 0)


def write_nlst_risk(out: Path, subject: Subject, phantom: Screened) -> Entry:
    """Write the exams of a participant.

    Returns:
        The T0 exam's thin reconstruction; its label by the rule `risk`.
    """
    pid = str(FIRST_PID + subject.index)
    course, rng = _course(subject), subject.rng("following")
    follow = draw_following(rng, course)
    minor = bool(rng.random() < EMPHYSEMA_SHARE)
    scans = [phantom, *(_exam(subject, course, day) for day in follow.exams[1:])]
    site = lobe_at(phantom, phantom.site_mm)
    person = person_row(pid, subject, course, follow, site, minor)
    rows: dict[str, list] = {"annotations.csv": [], "truth.csv": []}
    folders, exams, before = [], [], 0.0
    for year, (day, scan) in enumerate(zip(follow.exams, scans, strict=True)):
        # a thick one would cost half as much again, and the reader takes the thin one
        folders.append(write_exam(out, pid, subject, scan.hu, scan.affine, year, thick=False))
        size = scan.diameter_mm
        told = Participant(
            person,
            lobe_at(scan, scan.center_mm) if size else None,
            slice_number(scan),
            round(size),
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
        rows["truth.csv"].append([pid, uid, year, *_truth(course, day, scan, subject.pattern)])
    rows |= trial_rows(person, cancer_rows(person, site), exams)
    return Entry(
        folders[0].as_posix(),
        pid,
        subject.uid("study", "T0"),
        subject.uid("T0", "thin"),
        phantom.center_mm,
        _label(course, follow.end),
        rows=rows,
    )


def _course(subject: Subject) -> Course:
    return draw_course(subject.rng("course"), subject.kind)


def _exam(subject: Subject, course: Course, day: int) -> Screened:
    return screened_phantom(
        subject.seed, subject.kind, course, day, subject.pattern, subject.difficulty, subject.matrix
    )


def _label(course: Course, end: int) -> int | None:
    """Cancer within the horizon that was seen, or known to be free into its last year."""
    if course.cancer <= end and course.cancer < HORIZON:
        return 1
    return 0 if min(course.cancer, end) >= HORIZON - YEAR else None


def _truth(course: Course, day: int, scan: Screened, share: float) -> Iterator[object]:
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
    "NLST",
    write_nlst_risk,
    TABLES | {"annotations.csv": NODULES, "truth.csv": TRUTH},
    ("experiment=nlst_risk", "data.root={out}"),
    (
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
    first_exam,
    0.8,
)
