"""NLST's label rules."""

from collections.abc import Callable
from dataclasses import dataclass

from lungcam.cohorts.nlst.missing import Missing
from lungcam.cohorts.nlst.person import arm, last_screen, lung_cancer, times
from lungcam.cohorts.nlst.tables import Person
from lungcam.cohorts.risk import YEARS, risk_targets


@dataclass(frozen=True)
class Label:
    """An exam's label.

    Attributes:
        value: 1, 0 or None.
        why: The rule's branch; exams are counted by it.
        told: The columns that decided, for the label's source.
        stand_ins: Sentences' ends on columns that others stood in for.
        dropped: Whether the exam is no sample at all.
    """

    value: int | None
    why: str
    told: str
    stand_ins: tuple[str, ...] = ()
    dropped: bool = False


@dataclass(frozen=True)
class Rule:
    """A label rule.

    Attributes:
        label: Function of person, screening year and whether the screen table has the exam.
        years: The screening years whose exams are samples.
        columns: Groups of participant columns; of each, one must be there.
        sentence: What label 1 and 0 mean.
    """

    label: Callable[[Person, int, bool], Label]
    years: tuple[int, ...]
    columns: tuple[tuple[str, ...], ...]
    sentence: str


def screen_label(person: Person, year: int, in_screen_table: bool) -> Label:
    """Cancer found by the first screen, against none ever after a first screen that was the last.

    Both sides of the rule speak of T0: the cancer was seen in the T0 exam, and the person without
    had no exam but that one. So T0 exams alone are samples.
    """
    group, cancer, last = arm(person, in_screen_table), lung_cancer(person), last_screen(person)
    known = {"rndgroup": group, "lung_cancer": cancer, "last_screen_studyyr": last}
    told = [found.told(name) for name, found in known.items()]
    link = {name: person.value(name) for name in ("canc_rpt_link", "can_scr", "cancyr")}
    told += [f"{name}={found}" for name, found in link.items()]
    stand_ins = [f"{n}, from {found.stand_in}" for n, found in known.items() if found.stand_in]

    def label(value: int | None, why: str) -> Label:
        return Label(value, why, ", ".join(told), tuple(stand_ins))

    if group.value != 1:
        return label(None, "not in the CT arm")
    if cancer.value not in (0, 1):
        return label(None, "lung cancer unknown")
    if cancer.value == 1:
        if tuple(link.values()) == (1, 1, 0):
            return label(1, "lung cancer found by the T0 screen")
        if any(isinstance(found, Missing) for found in link.values()):
            return label(None, "lung cancer, but its screen is missing in the table")
        return label(None, "lung cancer found otherwise or later")
    if isinstance(last.value, Missing):
        return label(None, "no lung cancer, last screen unknown")
    if last.value == 0:
        return label(0, "no lung cancer, last screen at T0")
    return label(None, "no lung cancer, last screen after T0")


def risk_label(person: Person, year: int, in_screen_table: bool) -> Label:
    """Cancer within six years of the scan, by `risk_targets`."""
    found = times(person, year)
    told = f"days to cancer {_days(found.to_cancer)}, days followed {_days(found.followed)}"
    told += f" from {found.stand_in}" if found.stand_in else ""
    if found.late:
        why = "the scan came after the diagnosis or the end of follow-up"
        return Label(None, why, told, dropped=True)
    if found.unknown:
        return Label(None, f"unknown ({found.unknown})", told)
    targets = risk_targets(found.to_cancer, found.followed, YEARS)
    assert targets is not None
    y, _, mask = targets
    stand_ins = (f"fup_days, from {found.stand_in}",) if found.stand_in else ()
    if y:
        return Label(1, f"lung cancer within {YEARS} years", told, stand_ins)
    if mask.all():
        return Label(0, f"known free into year {YEARS}", told, stand_ins)
    return Label(None, f"censored before year {YEARS}", told, stand_ins)


def _days(days: float | None) -> str:
    return "unknown" if days is None else f"{days:g}"


CANCER = ("lung_cancer", "conflc", "cancyr", "candx_days", "can_scr")
SCREENS = ("scr_res0", "scr_days0")
RULES = {
    "screen": Rule(
        screen_label,
        (0,),
        (
            CANCER,
            ("can_scr",),
            ("canc_rpt_link",),
            ("cancyr",),
            ("last_screen_studyyr", *SCREENS),
        ),
        "NLST, T0 scans of the CT arm; label 1: lung cancer that the T0 screen found (lung_cancer "
        "= canc_rpt_link = can_scr = 1, cancyr = 0); 0: no lung cancer and no screen after T0; "
        "all others have no label",
    ),
    "risk": Rule(
        risk_label,
        (0, 1, 2),
        (("candx_days",), ("fup_days", "canc_free_days"), ("scr_days0",)),
        f"NLST, scans T0 to T2; label 1: lung cancer within {YEARS} years (of 365 days) of the "
        f"scan; 0: known to be without into year {YEARS}, {(YEARS - 1) * 365} days or more, as "
        "Sybil's mask counts; none where follow-up ends earlier",
    ),
}
