"""What the readers saw in an exam."""

from collections.abc import Sequence

from lungcam.cohorts.nlst.missing import Missing, value
from lungcam.cohorts.rows import Row
from lungcam.errors import InputError

# sct_ab_desc of a non-calcified nodule or mass of at least 4 mm
NODULE = 51
COLUMNS = ("sct_ab_desc", "sct_long_dia")


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
