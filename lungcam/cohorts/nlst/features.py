"""Features of NLST's exams: numeric columns, each a separate baseline, but never outcomes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.nlst.tables import Person, Table
from lungcam.cohorts.nlst.values import Missing, value
from lungcam.errors import InputError

KINDS = ("prsn", "screen", "ctab")
# sct_ab_desc of a non-calcified nodule or mass of at least 4 mm
NODULE = 51
NODULE_COLUMNS = ("sct_ab_desc", "sct_long_dia")
# the participant data dictionary's categories Follow-Up/Procedures, Death, Progression and Cancers
# of Any Site, the columns of the canc table, the arm's case groups, and the screens after T0
OUTCOMES = re.compile(
    r"""
    cancyr | can_scr | candx_days | canc_(free_days|rpt_link|rpt_source) | conflc | lung_cancer
    | de_\w+ | lc_\w+ | lesionsize | first_lc | topog_source | valcsg | source_best_stage
    | (path|clinical)_(stag|[tnm](_7thed)?) | stage_(sum|only)
    | loc(car|unk|oth|med|l(hil|low|up|msb|in)|r(hil|low|up|msb|mid))
    | (biop|invas|medcomp|mra_stat|no_proc_reas|proc)([0-2]|lc)
    | treat\w* | contactstatus | fup_days
    | death\w* | finaldeath\w* | dcf\w+ | hasdcf | ndicd | evp\w+
    | prog(site|ression|ressed)?_\w+ | last_progfree_days
    | confirmed_\w+ | num_confirmed
    | scr_(res|iso|days|lat)[12] | last_screen_studyyr | scr_group | ct_selected
    """,
    re.VERBOSE | re.IGNORECASE,
)


def refuse_outcomes(features: Sequence[str]) -> None:
    """Refuse features that are an outcome of NLST or come after its first screen.

    Raises:
        InputError: A feature is an outcome; the message names it.
    """
    outcomes = [name for name in features if OUTCOMES.fullmatch(name.strip())]
    if outcomes:
        raise InputError(
            f"data.features: {', '.join(outcomes)} reveals the outcome or data from after the "
            "screen, which no model may see; remove it."
        )


def find_features(tables: Sequence[Table], features: Sequence[str]) -> dict[str, str]:
    """Return the kind of table that has each feature: of the participant, exam or nodule.

    Raises:
        InputError: No table has a feature.
    """
    kind_of = {}
    for name in features:
        kinds = {table.kind for table in tables if name.lower() in table.columns}
        if not kinds:
            raise InputError(
                f"data.features: no NLST table has a column {name}; remove it or add the table to "
                f"{tables[0].file.parent}."
            )
        kind_of[name] = next(kind for kind in KINDS if kind in kinds)
    return kind_of


def read_features(
    kinds: Mapping[str, str],
    person: Person,
    *,
    screen: Sequence[Row],
    ctab: Sequence[Row],
    missing: Counter[str],
) -> dict[str, float]:
    """Return the known features of an exam.

    Args:
        kinds: Kind of table by feature, from `find_features`.
        person: The participant.
        screen: Rows of the exam in the screen table; the first counts.
        ctab: Rows of the exam in the ctab table; the largest nodule's counts.
        missing: Counter of missing features, by name and reason; it is updated.
    """
    rows = {"screen": screen[0] if screen else None, "ctab": largest_nodule(ctab).row}
    features = {}
    for name, kind in kinds.items():
        column = name.lower()
        try:
            if kind == "prsn":
                number = person.value(column)
            else:
                row = rows[kind]
                number = Missing() if row is None else value(row, column)
        except InputError:
            missing[f"{name} not a number"] += 1
            continue
        if isinstance(number, Missing):
            missing[f"{name} {number}"] += 1
        else:
            features[name] = float(number)
    return features


def nodule_diameter(ctab: Sequence[Row], was_read: bool) -> float | None:
    """Return the longest diameter of an exam's largest nodule in mm.

    Args:
        ctab: Rows of the exam in the ctab table.
        was_read: True if the tables say that the exam was read.

    Returns:
        0 if it was read and no nodule of 4 mm or more was found; None if nothing is known.
    """
    nodule = largest_nodule(ctab)
    if nodule.exists:
        return nodule.diameter_mm
    return 0.0 if was_read else None


@dataclass(frozen=True, kw_only=True)
class LargestNodule:
    """Largest nodule of an exam.

    Attributes:
        row: Its row; None if there is none or it was not measured.
        diameter_mm: Its longest diameter; None likewise.
        exists: True if the exam has a nodule at all.
    """

    row: Row | None
    diameter_mm: float | None
    exists: bool


def largest_nodule(ctab: Sequence[Row]) -> LargestNodule:
    """Find the largest nodule among the rows of an exam in the ctab table."""
    largest, diameter_mm, exists = None, None, False
    for row in ctab:
        try:
            kind, size = value(row, "sct_ab_desc"), value(row, "sct_long_dia")
        except InputError:
            # an unreadable row could be a nodule
            exists = True
            continue
        if kind != NODULE:
            continue
        exists = True
        if not isinstance(size, Missing) and (diameter_mm is None or size > diameter_mm):
            largest, diameter_mm = row, float(size)
    return LargestNodule(row=largest, diameter_mm=diameter_mm, exists=exists)
