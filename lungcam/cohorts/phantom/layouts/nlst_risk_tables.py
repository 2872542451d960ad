"""What NLST's tables tell of a person whose course is laid down, as far as it was followed."""

from dataclasses import dataclass

import numpy as np

from lungcam.cohorts.phantom.course import HORIZON, YEAR, Course
from lungcam.cohorts.phantom.layouts.nlst_tables import NOT_APPLICABLE, cancer, traits
from lungcam.cohorts.phantom.layouts.subject import Subject

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
    pid: str, subject: Subject, course: Course, follow: Following, lobe: int, minor: bool
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
    missed = [_missed(course, follow, year * YEAR) for year in range(len(sizes), 3)]
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
        row |= cancer(lobe, year, diagnosed, round(course.diameter_mm(course.cancer)))
        row |= {
            "can_scr": screen, "canc_rpt_link": int(screen == 1),
            "canc_free_days": max(diagnosed - 10, follow.first + follow.exams[-1]),
        }  # fmt: skip
    return row


def _missed(course: Course, follow: Following, day: int) -> int:
    """Why there was no exam on a day: scr_res."""
    if course.cancer <= min(day + YEAR, follow.end):
        return HAS_CANCER
    return LEFT_STUDY if follow.end <= day else REFUSED


def _screen(course: Course, follow: Following) -> tuple[int, int]:
    """Study year that a cancer is counted in, and can_scr.

    Within a year of an exam the nodule was seen in it: the cancer follows a positive screen.
    """
    last = len(follow.exams) - 1
    if course.cancer - follow.exams[-1] < YEAR:
        return last, 1
    year = max(course.cancer // YEAR, last + 1)
    return min(year, 7), 3 if year <= 2 else 4
