"""NLST's tables, recognised by their columns and not by their names."""

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.cohorts.nlst.values import Missing, Value, value
from lungcam.errors import InputError
from lungcam.runtime.garbage import garbage_collection_paused

# v18 of IDC's tables has the participant under both names
PID = ("pid", "dicom_patient_id")
# columns that distinguish the kinds of tables
PERSON = {"can_scr", "cancyr", "candx_days", "rndgroup", "lung_cancer", "conflc", "fup_days"}
SCREEN = {"ctdxqual", "techpara_kvp", "ct_recon_filter1"}


@dataclass(frozen=True)
class Table:
    """One CSV file.

    Attributes:
        file: The file.
        kind: prsn (any participant file), screen or ctab.
        columns: Names of the columns as in the file, by name in lower case.
    """

    file: Path
    kind: str
    columns: dict[str, str]

    @property
    def pid(self) -> str:
        """Column of the participant's number."""
        return next(self.columns[name] for name in PID if name in self.columns)


@dataclass(frozen=True)
class Person:
    """Rows of one person in the participant files; the file with most columns is first."""

    rows: tuple[Row, ...]

    def value(self, column: str) -> Value:
        """Return the first number in a column; else the first reason why it is missing.

        Raises:
            InputError: A text is neither a number nor a missing value.
        """
        missing = Missing()
        for row in self.rows:
            number = value(row, column)
            if not isinstance(number, Missing):
                return number
            missing = missing if missing.code else number
        return missing

    def has(self, column: str) -> bool:
        """Return True if any of the files has a column."""
        return any(column in row.values for row in self.rows)

    @property
    def source(self) -> str:
        """Files and rows."""
        return "; ".join(row.source for row in self.rows)


def tables_near(root: Path, groups: Iterable[Sequence[str]] = ()) -> Path:
    """Return the folder of tables that belongs to a DICOM tree.

    Args:
        root: Folder of the DICOM files.
        groups: Groups of participant columns; one of each is needed.

    Returns:
        The first folder that directly holds participant tables with the needed columns: `root`, its
        folder `tables`, the folder above, or that one's folder `tables`. If none does, the first
        with any participant table, so that the error can name what it lacks; else `root`.
    """
    candidates: list[Path] = []
    for folder in (root, root / "tables", root.parent, root.parent / "tables"):
        try:
            tables, _ = find_tables(folder)
        except InputError:
            continue
        candidates.append(folder)
        if not _missing_groups([table for table in tables if table.kind == "prsn"], groups):
            return folder
    return candidates[0] if candidates else root


def find_tables(folder: Path) -> tuple[list[Table], list[str]]:
    """Find the participant, screen and ctab tables directly in a folder.

    Returns:
        The tables, those with most columns first, and sentences on files that cannot be read.

    Raises:
        InputError: There is no such folder or no participant table in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the one with NLST's CSV tables.")
    tables, notes = [], []
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be opened; check its rights.") from error
    for file in files:
        if file.suffix.lower() != ".csv" or file.name.startswith("."):
            continue
        try:
            with file.open(newline="", encoding="utf-8-sig") as stream:
                reader = csv.reader(stream)
                names = [name.strip() for name in next(reader, [])]
                empty = next(reader, None) is None
        except (OSError, UnicodeDecodeError, csv.Error):
            notes.append(f"{file.name} cannot be read as a CSV table in UTF-8 and is left out.")
            continue
        columns = {name.lower(): name for name in reversed(names)}
        kind = _kind(columns)
        if kind and empty:
            notes.append(f"{file.name} has no row.")
        elif kind:
            tables.append(Table(file, kind, columns))
    if not any(table.kind == "prsn" for table in tables):
        raise InputError(
            f"{folder}: there is no NLST participant table in this folder; put "
            "nlst_780_prsn_idc_*.csv or the participant file from CDAS there."
        )
    return sorted(tables, key=lambda table: -len(table.columns)), notes


def _kind(columns: Collection[str]) -> str:
    """Return the kind of a table by its columns; empty for a table that is not used."""
    if not any(name in columns for name in PID):
        return ""
    if "study_yr" in columns:
        if "sct_ab_desc" in columns:
            return "ctab"
        return "screen" if SCREEN & set(columns) else ""
    return "prsn" if PERSON & set(columns) else ""


def require_columns(
    tables: Sequence[Table], groups: Iterable[Sequence[str]], *, reason: str
) -> None:
    """Require columns of the participant tables, one of each group.

    Args:
        tables: Tables of the kind prsn.
        groups: Groups of columns.
        reason: Setting that needs them, for the message.

    Raises:
        InputError: A group is missing; the message names it.
    """
    missing = _missing_groups(tables, groups)
    if missing:
        raise InputError(
            f"{tables[0].file}: there is no column {', '.join(missing)}, which {reason} needs; add "
            "a participant file that has it."
        )


def _missing_groups(tables: Sequence[Table], groups: Iterable[Sequence[str]]) -> list[str]:
    """Return the groups without a column in any table, in words."""
    columns = {name for table in tables for name in table.columns}
    return [" or ".join(group) for group in groups if not columns.intersection(group)]


def read_people(
    tables: Iterable[Table], columns: Collection[str], *, pids: Collection[str]
) -> tuple[dict[str, Person], list[str]]:
    """Read the participant tables and join them.

    Args:
        tables: Tables of the kind prsn; if two differ, the first counts.
        columns: Columns that are needed, in lower case.
        pids: Participants that are needed.

    Returns:
        People by participant, and sentences.
    """
    rows: dict[str, list[Row]] = {}
    repeated = differing = 0
    for table in tables:
        seen = set()
        for pid, row in _rows(table, columns, pids=pids):
            if pid in seen:
                repeated += 1
                continue
            seen.add(pid)
            earlier = rows.setdefault(pid, [])
            differing += any(_differ(other, row) for other in earlier)
            earlier.append(row)
    notes = []
    if repeated:
        notes.append(f"{repeated} participant row(s) repeat a participant; the first counts.")
    if differing:
        notes.append(
            f"For {differing} participant(s) two files differ; the one with more columns counts."
        )
    return {pid: Person(tuple(group)) for pid, group in rows.items()}, notes


def read_exams(
    tables: Iterable[Table], columns: Collection[str], *, pids: Collection[str]
) -> tuple[dict[tuple[str, int], list[Row]], list[str]]:
    """Read screen or ctab tables; return rows by participant and screening year, and sentences."""
    rows: dict[tuple[str, int], list[Row]] = {}
    bad = 0
    for table in tables:
        for pid, row in _rows(table, {*columns, "study_yr"}, pids=pids):
            if re.fullmatch(r"[0-2](\.0*)?", row.text("study_yr")):
                rows.setdefault((pid, int(row.text("study_yr")[0])), []).append(row)
            else:
                bad += 1
    notes = [f"{bad} row(s) of exams name no screening year T0 to T2."] if bad else []
    return rows, notes


def _rows(
    table: Table, columns: Collection[str], *, pids: Collection[str]
) -> Iterable[tuple[str, Row]]:
    """Yield the rows of participants, with only the given columns, in lower case."""
    names = {name: table.columns[name] for name in columns if name in table.columns}
    with garbage_collection_paused():
        rows = read_rows(table.file)
    column = table.pid
    for row in rows:
        pid = re.sub(r"\.0*$", "", row.text(column))
        if pid in pids:
            values = {name: row.text(in_file) for name, in_file in names.items()}
            yield pid, replace(row, values=values)


def _differ(row: Row, other: Row) -> bool:
    """Return True if two rows hold different numbers in one column."""
    shared = row.values.keys() & other.values.keys()
    for column in shared:
        try:
            pair = value(row, column), value(other, column)
        except InputError:
            continue
        if pair[0] != pair[1] and not any(isinstance(number, Missing) for number in pair):
            return True
    return False
