"""What a person's columns mean, with stand-ins for what the public tables lack."""

from dataclasses import dataclass

from lungcam.cohorts.nlst.missing import Missing, Value
from lungcam.cohorts.nlst.tables import Person

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


@dataclass(frozen=True)
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
        return Times(cancer - scan, followed, late=cancer < scan)
    if lung_cancer(person).value != 0:
        return Times(unknown=f"lung cancer not ruled out, candx_days {cancer}")
    if followed is None:
        return Times(unknown=f"end of follow-up {end}")
    return Times(None, followed, late=followed < 0, stand_in=stand_in)
