"""Numbers beside the image, each a baseline of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lungcam.cohorts.nlst.missing import Missing, value
from lungcam.cohorts.nlst.nodule import largest
from lungcam.cohorts.nlst.tables import Person, Table
from lungcam.cohorts.rows import Row
from lungcam.errors import InputError

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
