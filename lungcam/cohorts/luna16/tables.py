"""LUNA16's tables, as far as they are there."""

from lungcam.cohorts.luna16.folder import LunaFolder
from lungcam.cohorts.luna16.points import Points, read_points

NO_EXCLUDED = (
    "There is no annotations_excluded.csv (it comes with LUNA16's evaluation script): candidates "
    "in findings that should count neither way are not left out."
)
FIRST_CANDIDATES = (
    "candidates.csv stands in for candidates_V2.csv, which is not there and which LUNA16's "
    "organisers advise."
)


def nodules(folder: LunaFolder) -> Points:
    """The annotated nodules with their diameters.

    Raises:
        InputError: There is no such table, or it is of no use; see `read_points`.
    """
    return read_points(folder.table("annotations.csv"), "diameter_mm", lambda mm: mm > 0)


def candidates(folder: LunaFolder) -> tuple[Points, list[str]]:
    """The candidates with their classes, and notes.

    Raises:
        InputError: There is no such table, or it is of no use; see `read_points`.
    """
    second = "candidates_V2.csv" in folder.tables or "candidates.csv" not in folder.tables
    file = folder.table("candidates_V2.csv" if second else "candidates.csv")
    found = read_points(file, "class", lambda label: label in (0, 1))
    return found, [*([] if second else [FIRST_CANDIDATES]), *found.notes]


def excluded_findings(folder: LunaFolder) -> tuple[Points | None, list[str]]:
    """The findings that count neither way, None without the table, and notes.

    Raises:
        InputError: The table is of no use; see `read_points`.
    """
    if "annotations_excluded.csv" not in folder.tables:
        return None, [NO_EXCLUDED]
    found = read_points(
        folder.tables["annotations_excluded.csv"], "diameter_mm", lambda mm: mm != 0
    )
    return found, found.notes
