"""NLST's label rules.

What a person's columns mean, with stand-ins for what the public tables lack.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lungcam.cohorts.nlst.tables import Missing, Person, Value
from lungcam.cohorts.survival import risk_targets
from lungcam.metrics import DAYS_PER_YEAR, HORIZON_YEARS

# scr_res of a screen that took place; 10 is an image too poor to be read
SCREENED = (1, 2, 3, 4, 5, 6, 10)
COLUMNS = (
    *("rndgroup", "lung_cancer", "last_screen_studyyr", "conflc", "can_scr", "canc_rpt_link"),
    *("cancyr", "candx_days", "fup_days", "canc_free_days"),
    *("scr_res0", "scr_res1", "scr_res2", "scr_days0", "scr_days1", "scr_days2"),
)


@dataclass(frozen=True)
class Known:
    """A value and, where another column stood in, which.

    Attributes:
        value: The value, or why there is none.
        stand_in: What it was taken from; empty where the column itself tells.
    """

    value: Value
    stand_in: str = ""

    def told(self, name: str) -> str:
        """For a label's source."""
        return f"{name}={self.value}{f' from {self.stand_in}' if self.stand_in else ''}"


def arm(person: Person, in_screen_table: bool) -> Known:
    """Study arm, 1 for CT: rndgroup, else by what only the CT arm has."""
    found = person.value("rndgroup")
    if not isinstance(found, Missing):
        return Known(found)
    return Known(1, "a row in the CT screen table" if in_screen_table else "having CT images")


def lung_cancer(person: Person) -> Known:
    """Whether lung cancer was confirmed: lung_cancer, else conflc, else its year, day or screen.

    A report that could not be followed up (conflc 3 or 4) tells neither.
    """
    found = person.value("lung_cancer")
    if not isinstance(found, Missing):
        return Known(found)
    report = person.value("conflc")
    if not isinstance(report, Missing):
        return Known({0: 0, 1: 1, 2: 0}.get(report, Missing(".M")), "conflc")
    for column in ("cancyr", "candx_days", "can_scr"):
        told = person.value(column)
        if not isinstance(told, Missing):
            return Known(int(column != "can_scr" or told > 0), column)
    for column in ("cancyr", "candx_days"):
        told = person.value(column)
        if person.has(column) and told != Missing(".M"):
            return Known(0, column)
    return Known(Missing())


def last_screen(person: Person) -> Known:
    """Study year of the last screen: last_screen_studyyr, else from scr_res, else from scr_days."""
    found = person.value("last_screen_studyyr")
    if not isinstance(found, Missing):
        return Known(found)
    for year in (2, 1, 0):
        result = person.value(f"scr_res{year}")
        if result in SCREENED:
            return Known(year, "scr_res0-2")
        day = person.value(f"scr_days{year}")
        if isinstance(result, Missing) and not isinstance(day, Missing):
            return Known(year, "scr_days0-2")
    return Known(Missing(".N"))


@dataclass(frozen=True, kw_only=True)
class Times:
    """Days from a scan on.

    Attributes:
        to_cancer: Days to the diagnosis; None where there was none.
        followed: Days to the last day known without; None where unknown.
        unknown: Why the times cannot be told; empty where they can.
        late: Whether the scan came after the diagnosis or after the end of follow-up.
        stand_in: What stood in for fup_days.
    """

    to_cancer: float | None = None
    followed: float | None = None
    unknown: str = ""
    late: bool = False
    stand_in: str = ""


def times(person: Person, year: int) -> Times:
    """Days from the scan of a screening year to cancer and to the end of follow-up."""
    scan = person.value(f"scr_days{year}")
    if isinstance(scan, Missing):
        return Times(unknown=f"scr_days{year} {scan}", late=scan == Missing(".E"))
    cancer, end, stand_in = person.value("candx_days"), person.value("fup_days"), ""
    if isinstance(end, Missing):
        end, stand_in = person.value("canc_free_days"), "canc_free_days"
    followed = None if isinstance(end, Missing) else end - scan
    if not isinstance(cancer, Missing):
        return Times(to_cancer=cancer - scan, followed=followed, late=cancer < scan)
    if lung_cancer(person).value != 0:
        return Times(unknown=f"lung cancer not ruled out, candx_days {cancer}")
    if followed is None:
        return Times(unknown=f"end of follow-up {end}")
    return Times(to_cancer=None, followed=followed, late=followed < 0, stand_in=stand_in)


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
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
        return Label(value=value, why=why, told=", ".join(told), stand_ins=tuple(stand_ins))

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
        return Label(value=None, why=why, told=told, dropped=True)
    if found.unknown:
        return Label(value=None, why=f"unknown ({found.unknown})", told=told)
    targets = risk_targets(found.to_cancer, found.followed, years=HORIZON_YEARS)
    assert targets is not None
    y, _, mask = targets
    stand_ins = (f"fup_days, from {found.stand_in}",) if found.stand_in else ()
    if y:
        return Label(
            value=1, why=f"lung cancer within {HORIZON_YEARS} years", told=told, stand_ins=stand_ins
        )
    if mask.all():
        return Label(
            value=0, why=f"known free into year {HORIZON_YEARS}", told=told, stand_ins=stand_ins
        )
    return Label(
        value=None, why=f"censored before year {HORIZON_YEARS}", told=told, stand_ins=stand_ins
    )


def _days(days: float | None) -> str:
    return "unknown" if days is None else f"{days:g}"


CANCER = ("lung_cancer", "conflc", "cancyr", "candx_days", "can_scr")
SCREENS = ("scr_res0", "scr_days0")
RULES = {
    "screen": Rule(
        label=screen_label,
        years=(0,),
        columns=(
            CANCER,
            ("can_scr",),
            ("canc_rpt_link",),
            ("cancyr",),
            ("last_screen_studyyr", *SCREENS),
        ),
        sentence="NLST, T0 scans of the CT arm; label 1: lung cancer that the T0 screen found "
        "(lung_cancer = canc_rpt_link = can_scr = 1, cancyr = 0); 0: no lung cancer and no screen "
        "after T0; all others have no label",
    ),
    "risk": Rule(
        label=risk_label,
        years=(0, 1, 2),
        columns=(("candx_days",), ("fup_days", "canc_free_days"), ("scr_days0",)),
        sentence=f"NLST, scans T0 to T2; label 1: lung cancer within {HORIZON_YEARS} years "
        f"(of {DAYS_PER_YEAR} days) of the scan; 0: known to be without into year {HORIZON_YEARS}, "
        f"{(HORIZON_YEARS - 1) * DAYS_PER_YEAR} days or more, as "
        "Sybil's mask counts; none where follow-up ends earlier",
    ),
}
