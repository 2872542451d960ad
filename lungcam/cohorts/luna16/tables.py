"""LUNA16's tables: points in world mm, each with a scan and a number."""

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

COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ")
NO_EXCLUDED = (
    "There is no annotations_excluded.csv (it comes with LUNA16's evaluation script): candidates "
    "in findings that should count neither way are not left out."
)
FIRST_CANDIDATES = (
    "candidates.csv is used in place of candidates_V2.csv, which is missing and which LUNA16's "
    "organisers recommend."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Points:
    """A table's columns; a dict for each of the 754,975 candidates would take a gigabyte.

    Attributes:
        name: Name of the file.
        value: Column of the number.
        uids: SeriesInstanceUID of each point, `N`.
        centers_mm: `(N, 3)` RAS mm.
        values: `(N,)` diameter in mm, or class.
        rows: `(N,)` line in the file; the header is on line 1.
        bad_rows: Lines without a valid point.
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
        groups: dict[str, list[int]] = {}
        for index, uid in enumerate(self.uids):
            groups.setdefault(uid, []).append(index)
        return {uid: np.array(indices) for uid, indices in groups.items()}

    def of(self, uid: str) -> np.ndarray:
        """Return the indices of a scan's points; empty if it has none."""
        return self.by_series.get(uid, np.zeros(0, int))

    def source(self, index: int) -> str:
        """Return file and row of a point, for a table of samples."""
        return f"{self.name}, row {self.rows[index]}"

    def center(self, index: int) -> tuple[float, float, float]:
        """Return the centre of a point in RAS mm."""
        x, y, z = self.centers_mm[index]
        return float(x), float(y), float(z)

    @property
    def notes(self) -> list[str]:
        """Sentences on the rows that were left out."""
        if not self.bad_rows:
            return []
        return [
            f"{self.name}: {len(self.bad_rows)} row(s) hold no series, point and {self.value} "
            f"and are left out, such as row {self.bad_rows[0]}."
        ]


def read_annotations(folder: LunaFolder) -> Points:
    """Read the annotated nodules with their diameters.

    Raises:
        InputError: The table is missing or unusable; see `read_points`.
    """
    return read_points(folder.table("annotations.csv"), "diameter_mm", valid=lambda mm: mm > 0)


def read_candidates(folder: LunaFolder) -> tuple[Points, list[str]]:
    """Read the candidates with their classes; return them and notes.

    Raises:
        InputError: The table is missing or unusable; see `read_points`.
    """
    second = "candidates_V2.csv" in folder.tables or "candidates.csv" not in folder.tables
    file = folder.table("candidates_V2.csv" if second else "candidates.csv")
    candidates = read_points(file, "class", valid=lambda label: label in (0, 1))
    return candidates, [*([] if second else [FIRST_CANDIDATES]), *candidates.notes]


def read_excluded(folder: LunaFolder) -> Points | None:
    """Read the findings that count neither way; None without the table.

    Raises:
        InputError: The table is unusable; see `read_points`.
    """
    file = folder.tables.get("annotations_excluded.csv")
    return file and read_points(file, "diameter_mm", valid=lambda mm: mm != 0)


def read_points(file: Path, value: str, *, valid: Callable[[float], bool]) -> Points:
    """Read a table of LUNA16.

    Args:
        file: CSV with the columns seriesuid, coordX, coordY, coordZ (LPS mm) and `value`.
        value: Column of the number: diameter_mm or class.
        valid: Function that returns True for a valid number; other rows are left out.

    Raises:
        InputError: The table cannot be read, lacks a column or holds no point.
    """
    uids: list[str] = []
    numbers, rows = array("d"), array("q")
    bad_rows: list[int] = []
    # one string for all points of a series
    interned: dict[str, str] = {}
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            uid_column, *columns = _columns(file, next(reader, []), needed=(*COLUMNS, value))
            for cells in reader:
                if not any(cells):
                    continue
                try:
                    uid = cells[uid_column].strip()
                    values = tuple(float(cells[column]) for column in columns)
                except (ValueError, IndexError):
                    uid, values = "", ()
                if not uid or not all(map(math.isfinite, values)) or not valid(values[-1]):
                    bad_rows.append(reader.line_num)
                    continue
                uids.append(interned.setdefault(uid, uid))
                numbers.extend(values)
                rows.append(reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as a CSV table in UTF-8; check it.") from error
    if not uids:
        raise InputError(f"{file}: the table holds no point; download it again.")
    table = np.array(numbers).reshape(-1, len(columns))
    # from LPS to RAS
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


def _columns(file: Path, header: list[str], *, needed: tuple[str, ...]) -> list[int]:
    """Return the indices of columns that must exist."""
    header = [name.strip() for name in header]
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{file}: there is no column {', '.join(missing)}; it has {', '.join(header)}."
        )
    return [header.index(name) for name in needed]
