"""NLST's label rules, and the columns they derive if the public tables lack some."""

from collections.abc import Callable
from dataclasses import dataclass

from lungcam.cohorts.nlst.tables import Person
from lungcam.cohorts.nlst.values import Missing, Value
from lungcam.cohorts.survival import risk_targets
from lungcam.metrics import DAYS_PER_YEAR, HORIZON_YEARS

# scr_res of a screen that took place; 10 is an image of too poor quality to be read
SCREENED = (1, 2, 3, 4, 5, 6, 10)
COLUMNS = (
    *("rndgroup", "lung_cancer", "last_screen_studyyr", "conflc", "can_scr", "canc_rpt_link"),
    *("cancyr", "candx_days", "fup_days", "canc_free_days"),
    *("scr_res0", "scr_res1", "scr_res2", "scr_days0", "scr_days1", "scr_days2"),
)
# groups of columns; one of each is needed
CANCER = ("lung_cancer", "conflc", "cancyr", "candx_days", "can_scr")
SCREENS = ("scr_res0", "scr_days0")


@dataclass(frozen=True, kw_only=True)
class Label:
    """Label of an exam.

    Attributes:
        value: 1, 0 or None.
        why: Branch of the rule; the notes count exams by it.
        columns: Columns that decided, with their values, for the label's source.
        derived: Clauses on columns that were derived from others, for the notes.
        dropped: True if the exam is no sample at all.
    """

    value: int | None
    why: str
    columns: str
    derived: tuple[str, ...] = ()
    dropped: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A label rule.

    Attributes:
        label: Function of person and screening year, and with `in_screen_table` True if the screen
            table has the exam.
        years: Screening years with exams that are samples.
        columns: Groups of participant columns; one of each is needed.
        sentence: Sentence that says what label 1 and 0 mean.
    """

    label: Callable[..., Label]
    years: tuple[int, ...]
    columns: tuple[tuple[str, ...], ...]
    sentence: str


def screen_label(person: Person, year: int, *, in_screen_table: bool) -> Label:
    """Label cancer found by the T0 screen 1, and no cancer with T0 as the last screen 0.

    Both sides of the rule are about T0: the cancer was seen in the T0 exam, and the person without
    cancer had no other exam. So T0 exams alone are samples.
    """
    group, cancer, last = arm(person, in_screen_table), lung_cancer(person), last_screen(person)
    values = {"rndgroup": group, "lung_cancer": cancer, "last_screen_studyyr": last}
    columns = [derived.describe(name) for name, derived in values.items()]
    link = {name: person.value(name) for name in ("canc_rpt_link", "can_scr", "cancyr")}
    columns += [f"{name}={number}" for name, number in link.items()]
    clauses = [f"{name} is derived from {it.origin}" for name, it in values.items() if it.origin]

    def label(value: int | None, why: str) -> Label:
        return Label(value=value, why=why, columns=", ".join(columns), derived=tuple(clauses))

    if group.value != 1:
        return label(None, "not in the CT arm")
    if cancer.value not in (0, 1):
        return label(None, "lung cancer unknown")
    if cancer.value == 1:
        if tuple(link.values()) == (1, 1, 0):
            return label(1, "lung cancer found by the T0 screen")
        if any(isinstance(number, Missing) for number in link.values()):
            return label(None, "lung cancer, but its screen is missing in the table")
        return label(None, "lung cancer found otherwise or later")
    if isinstance(last.value, Missing):
        return label(None, "no lung cancer, last screen unknown")
    if last.value == 0:
        return label(0, "no lung cancer, last screen at T0")
    return label(None, "no lung cancer, last screen after T0")


def risk_label(person: Person, year: int, *, in_screen_table: bool) -> Label:
    """Label cancer within six years of the scan, by `risk_targets`."""
    time = times(person, year)
    columns = f"days to cancer {_days(time.to_cancer)}, days followed {_days(time.followed)}"
    columns += f" from {time.origin}" if time.origin else ""
    if time.late:
        why = "the scan came after the diagnosis or the end of follow-up"
        return Label(value=None, why=why, columns=columns, dropped=True)
    if time.unknown:
        return Label(value=None, why=f"unknown ({time.unknown})", columns=columns)
    targets = risk_targets(time.to_cancer, time.followed, years=HORIZON_YEARS)
    assert targets is not None
    y, _, mask = targets
    clauses = (f"fup_days is derived from {time.origin}",) if time.origin else ()
    if y:
        value, why = 1, f"lung cancer within {HORIZON_YEARS} years"
    elif mask.all():
        value, why = 0, f"known free into year {HORIZON_YEARS}"
    else:
        value, why = None, f"censored before year {HORIZON_YEARS}"
    return Label(value=value, why=why, columns=columns, derived=clauses)


def _days(days: float | None) -> str:
    return "unknown" if days is None else f"{days:g}"


@dataclass(frozen=True, kw_only=True)
class Times:
    """Days counted from a scan.

    Attributes:
        to_cancer: Days to the diagnosis; None without a diagnosis.
        followed: Days to the last day known to be free of cancer; None if unknown.
        unknown: Reason why the times are unknown; empty if they are known.
        late: True if the scan came after the diagnosis or after the end of follow-up.
        origin: Column that replaced fup_days; empty if none did.
    """

    to_cancer: float | None = None
    followed: float | None = None
    unknown: str = ""
    late: bool = False
    origin: str = ""


def times(person: Person, year: int) -> Times:
    """Return the days from the scan of a screening year to cancer and to the end of follow-up."""
    scan = person.value(f"scr_days{year}")
    if isinstance(scan, Missing):
        return Times(unknown=f"scr_days{year} {scan}", late=scan == Missing(".E"))
    cancer, end, origin = person.value("candx_days"), person.value("fup_days"), ""
    if isinstance(end, Missing):
        end, origin = person.value("canc_free_days"), "canc_free_days"
    followed = None if isinstance(end, Missing) else end - scan
    if not isinstance(cancer, Missing):
        return Times(to_cancer=cancer - scan, followed=followed, late=cancer < scan)
    if lung_cancer(person).value != 0:
        return Times(unknown=f"lung cancer not ruled out, candx_days {cancer}")
    if followed is None:
        return Times(unknown=f"end of follow-up {end}")
    return Times(to_cancer=None, followed=followed, late=followed < 0, origin=origin)


@dataclass(frozen=True)
class Derived:
    """A value that may be derived from another column.

    Attributes:
        value: The value, or the reason why it is missing.
        origin: Source from which it was derived; empty if it is in its own column.
    """

    value: Value
    origin: str = ""

    def describe(self, name: str) -> str:
        """Return name, value and origin, for a label's source."""
        return f"{name}={self.value}{f' from {self.origin}' if self.origin else ''}"


def arm(person: Person, in_screen_table: bool) -> Derived:
    """Return the study arm, 1 for CT: rndgroup, else by data that only the CT arm has."""
    group = person.value("rndgroup")
    if not isinstance(group, Missing):
        return Derived(group)
    return Derived(1, "a row in the CT screen table" if in_screen_table else "having CT images")


def lung_cancer(person: Person) -> Derived:
    """Return 1 for confirmed lung cancer: lung_cancer, else conflc, else its year, day or screen.

    A report that could not be followed up (conflc 3 or 4) confirms neither.
    """
    confirmed = person.value("lung_cancer")
    if not isinstance(confirmed, Missing):
        return Derived(confirmed)
    report = person.value("conflc")
    if not isinstance(report, Missing):
        return Derived({0: 0, 1: 1, 2: 0}.get(report, Missing(".M")), "conflc")
    for column in ("cancyr", "candx_days", "can_scr"):
        number = person.value(column)
        if not isinstance(number, Missing):
            return Derived(int(column != "can_scr" or number > 0), column)
    for column in ("cancyr", "candx_days"):
        number = person.value(column)
        if person.has(column) and number != Missing(".M"):
            return Derived(0, column)
    return Derived(Missing())


def last_screen(person: Person) -> Derived:
    """Return the study year of the last screen: last_screen_studyyr, else scr_res or scr_days."""
    last = person.value("last_screen_studyyr")
    if not isinstance(last, Missing):
        return Derived(last)
    for year in (2, 1, 0):
        result = person.value(f"scr_res{year}")
        if result in SCREENED:
            return Derived(year, "scr_res0-2")
        day = person.value(f"scr_days{year}")
        if isinstance(result, Missing) and not isinstance(day, Missing):
            return Derived(year, "scr_days0-2")
    return Derived(Missing(".N"))


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
