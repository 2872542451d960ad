"""Numbers beside the image, each a baseline of its own.

What the readers saw in an exam.

Columns that tell what became of a person: they can never be features.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.nlst.tables import Missing, Person, Table, value
from lungcam.errors import InputError

# sct_ab_desc of a non-calcified nodule or mass of at least 4 mm
NODULE = 51
NODULE_COLUMNS = ("sct_ab_desc", "sct_long_dia")


def largest(rows: Sequence[Row]) -> tuple[Row | None, float | None, bool]:
    """Find the largest nodule of an exam.

    Args:
        rows: The exam's rows in the ctab table.

    Returns:
        Its row and its longest diameter in mm, None where there is none or it was not measured; and
        whether the exam has a nodule at all.
    """
    best: tuple[Row | None, float | None] = None, None
    found = False
    for row in rows:
        try:
            kind, size = value(row, "sct_ab_desc"), value(row, "sct_long_dia")
        except InputError:
            # what cannot be read could be a nodule
            found = True
            continue
        if kind != NODULE:
            continue
        found = True
        if not isinstance(size, Missing) and (best[1] is None or size > best[1]):
            best = row, float(size)
    return *best, found


def diameter(rows: Sequence[Row], read: bool) -> float | None:
    """Longest diameter of the largest nodule in mm.

    Args:
        rows: The exam's rows in the ctab table.
        read: Whether the tables say that the exam was read.

    Returns:
        0 where it was read and no nodule of 4 mm or more was found; None where nothing is known.
    """
    _, size, found = largest(rows)
    if found:
        return size
    return 0.0 if read else None


KINDS = ("prsn", "screen", "ctab")


def find_features(tables: Sequence[Table], features: Sequence[str]) -> dict[str, str]:
    """The kind of table that has each feature: of the participant, of the exam, of its nodule.

    Raises:
        InputError: No table has it.
    """
    found = {}
    for name in features:
        kinds = {table.kind for table in tables if name.lower() in table.columns}
        if not kinds:
            raise InputError(
                f"data.features: no NLST table has a column {name}; remove it or add the table to "
                f"{tables[0].file.parent}."
            )
        found[name] = next(kind for kind in KINDS if kind in kinds)
    return found


def read_features(
    kinds: Mapping[str, str],
    person: Person,
    *,
    screen: Sequence[Row],
    ctab: Sequence[Row],
    missing: Counter[str],
) -> dict[str, float]:
    """An exam's features.

    Args:
        kinds: From `find_features`.
        person: The participant.
        screen: The exam's rows in the screen table; the first counts.
        ctab: The exam's rows in the ctab table; that of the largest nodule counts.
        missing: Takes how often a feature is missing, by name and reason.

    Returns:
        Those that are known.
    """
    nodule, _, _ = largest(ctab)
    rows = {"screen": screen[0] if screen else None, "ctab": nodule}
    features = {}
    for name, kind in kinds.items():
        column = name.lower()
        try:
            if kind == "prsn":
                found = person.value(column)
            else:
                row = rows[kind]
                found = Missing() if row is None else value(row, column)
        except InputError:
            missing[f"{name} not a number"] += 1
            continue
        if isinstance(found, Missing):
            missing[f"{name} {found}"] += 1
        else:
            features[name] = float(found)
    return features


# The participant data dictionary's categories Follow-Up/Procedures, Death, Progression and Cancers
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
        InputError: Names them.
    """
    found = [name for name in features if OUTCOMES.fullmatch(name.strip())]
    if found:
        raise InputError(
            f"data.features: {', '.join(found)} tells the outcome or what came after the screen, "
            "which no model may see; remove it."
        )
