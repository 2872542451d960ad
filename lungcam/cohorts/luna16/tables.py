"""LUNA16's tables, as far as they are there.

A LUNA16 table: points in world mm, each of a scan, each with a number.
"""

import csv
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lungcam.cohorts.luna16.folder import LunaFolder
from lungcam.errors import InputError

PLACE = ("seriesuid", "coordX", "coordY", "coordZ")


@dataclass(frozen=True, eq=False, kw_only=True)
class Points:
    """A table's columns; a dict for each of the 754,975 candidates would take a gigabyte.

    Attributes:
        name: The file's name.
        value: The number's column.
        uids: SeriesInstanceUID of each point, `N`.
        centers_mm: `(N, 3)` RAS mm.
        values: `(N,)` diameter in mm, or class.
        rows: `(N,)` line in the file; the header stands on 1.
        bad_rows: Lines that hold no point.
    """

    name: str
    value: str
    uids: list[str]
    centers_mm: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    bad_rows: list[int]

    @cached_property
    def by_series(self) -> dict[str, np.ndarray]:
        """Indices of each scan's points, in the table's order."""
        found: dict[str, list[int]] = {}
        for index, uid in enumerate(self.uids):
            found.setdefault(uid, []).append(index)
        return {uid: np.array(indices) for uid, indices in found.items()}

    def of(self, uid: str) -> np.ndarray:
        """Indices of a scan's points; empty if it has none."""
        return self.by_series.get(uid, np.zeros(0, int))

    def source(self, index: int) -> str:
        """Name file and row, for a table of samples."""
        return f"{self.name}, row {self.rows[index]}"

    def center(self, index: int) -> tuple[float, float, float]:
        """Centre of a point in RAS mm."""
        x, y, z = self.centers_mm[index]
        return float(x), float(y), float(z)

    @property
    def notes(self) -> list[str]:
        """What was left out of the table."""
        if not self.bad_rows:
            return []
        return [
            f"{self.name}: {len(self.bad_rows)} row(s) hold no series, point and {self.value} "
            f"and are left out, such as row {self.bad_rows[0]}."
        ]


def read_points(file: Path, value: str, *, valid: Callable[[float], bool]) -> Points:
    """Read a table of LUNA16.

    Args:
        file: CSV with the columns seriesuid, coordX, coordY, coordZ (LPS mm) and `value`.
        value: Column of the number: diameter_mm or class.
        valid: Whether a number is one; a row of another is left out.

    Raises:
        InputError: The table cannot be read, lacks a column or holds no point.
    """
    needed = (*PLACE, value)
    uids: list[str] = []
    numbers, rows = array("d"), array("q")
    bad_rows: list[int] = []
    known: dict[str, str] = {}
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in needed if name not in header]
            if missing:
                raise InputError(
                    f"{file}: there is no column {', '.join(missing)}; it has {', '.join(header)}."
                )
            at, *columns = (header.index(name) for name in needed)
            for cells in reader:
                if not any(cells):
                    continue
                try:
                    uid = cells[at].strip()
                    found = tuple(float(cells[column]) for column in columns)
                except (ValueError, IndexError):
                    uid, found = "", ()
                if not uid or not all(map(math.isfinite, found)) or not valid(found[-1]):
                    bad_rows.append(reader.line_num)
                    continue
                uids.append(known.setdefault(uid, uid))
                numbers.extend(found)
                rows.append(reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as a CSV table in UTF-8; check it.") from error
    if not uids:
        raise InputError(f"{file}: the table holds no point; download it again.")
    table = np.array(numbers).reshape(-1, len(columns))
    # the tables stand in LPS
    centers = table[:, :3] * (-1, -1, 1)
    return Points(
        name=file.name,
        value=value,
        uids=uids,
        centers_mm=centers,
        values=table[:, 3],
        rows=np.array(rows),
        bad_rows=bad_rows,
    )


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
    return read_points(folder.table("annotations.csv"), "diameter_mm", valid=lambda mm: mm > 0)


def candidates(folder: LunaFolder) -> tuple[Points, list[str]]:
    """The candidates with their classes, and notes.

    Raises:
        InputError: There is no such table, or it is of no use; see `read_points`.
    """
    second = "candidates_V2.csv" in folder.tables or "candidates.csv" not in folder.tables
    file = folder.table("candidates_V2.csv" if second else "candidates.csv")
    found = read_points(file, "class", valid=lambda label: label in (0, 1))
    return found, [*([] if second else [FIRST_CANDIDATES]), *found.notes]


def excluded_findings(folder: LunaFolder) -> tuple[Points | None, list[str]]:
    """The findings that count neither way, None without the table, and notes.

    Raises:
        InputError: The table is of no use; see `read_points`.
    """
    if "annotations_excluded.csv" not in folder.tables:
        return None, [NO_EXCLUDED]
    found = read_points(
        folder.tables["annotations_excluded.csv"], "diameter_mm", valid=lambda mm: mm != 0
    )
    return found, found.notes
