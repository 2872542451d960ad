"""NLST's tables, known by their columns and not by their names.

Values of NLST's tables, with SAS's typed missing ones.
"""

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.cohorts.dicom_index.index import many_objects
from lungcam.errors import InputError

MEANINGS = {
    ".N": "not applicable or none on record",
    ".E": "screen date after lung cancer diagnosis",
    ".W": "wrong screen administered",
    ".M": "missing",
    ".F": "no form",
}
# what exports from SAS, pandas and BigQuery leave where there is no value
EMPTY = ("", ".", "na", "n/a", "nan", "null", "none", "<na>")
TYPED = re.compile(r"\.[A-Z_]")


@dataclass(frozen=True)
class Missing:
    """A value that is not there.

    Attributes:
        code: SAS's code, which tells why, such as .N; empty where only nothing is known.
    """

    code: str = ""

    @property
    def meaning(self) -> str:
        """Why it is not there, in the words of the participant data dictionary."""
        return MEANINGS.get(self.code, "no value")

    def __str__(self) -> str:
        return f"{self.code} ({self.meaning})" if self.code else "empty"


Value = int | float | Missing


def value(row: Row, column: str) -> Value:
    """Number in a column, or why there is none.

    Raises:
        InputError: It is neither a number nor a missing value.
    """
    text = row.text(column)
    if text.lower() in EMPTY:
        return Missing()
    if TYPED.fullmatch(text.upper()):
        return Missing(text.upper())
    number = row.number_in(column)
    if number is None:
        return Missing()
    return int(number) if number == int(number) else number


# v18 of IDC's tables has the participant under both names
PID = ("pid", "dicom_patient_id")
PERSON = {"can_scr", "cancyr", "candx_days", "rndgroup", "lung_cancer", "conflc", "fup_days"}
SCREEN = {"ctdxqual", "techpara_kvp", "ct_recon_filter1"}


@dataclass(frozen=True)
class Table:
    """One CSV file.

    Attributes:
        file: The file.
        kind: prsn (any participant file), screen or ctab.
        columns: Names as they stand in the file, by name in lower case.
    """

    file: Path
    kind: str
    columns: dict[str, str]

    @property
    def pid(self) -> str:
        """The column that names the participant."""
        return next(self.columns[name] for name in PID if name in self.columns)


@dataclass(frozen=True)
class Person:
    """What the participant files say of one person; the file with most columns stands first."""

    rows: tuple[Row, ...]

    def value(self, column: str) -> Value:
        """First number in a column; else the first reason for there being none.

        Raises:
            InputError: It is neither a number nor a missing value.
        """
        why = Missing()
        for row in self.rows:
            found = value(row, column)
            if not isinstance(found, Missing):
                return found
            why = why if why.code else found
        return why

    def has(self, column: str) -> bool:
        """Whether any of the files has a column."""
        return any(column in row.values for row in self.rows)

    @property
    def source(self) -> str:
        """Files and rows."""
        return "; ".join(row.source for row in self.rows)


def tables_near(root: Path, groups: Iterable[Sequence[str]] = ()) -> Path:
    """The folder of tables that belongs to a DICOM tree.

    Args:
        root: Folder of the DICOM files.
        groups: Groups of participant columns; of each, one is wanted.

    Returns:
        The first that directly holds participant tables with the wanted columns: `root`, its folder
        `tables`, the folder above, or that one's folder `tables`. Where none does, the first with
        any participant table, so that what it lacks can be named; else `root`.
    """
    some: list[Path] = []
    for folder in (root, root / "tables", root.parent, root.parent / "tables"):
        try:
            found, _ = find_tables(folder)
        except InputError:
            continue
        some.append(folder)
        if not _lacking([one for one in found if one.kind == "prsn"], groups):
            return folder
    return some[0] if some else root


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
            f"{folder}: no NLST participant table lies in this folder; put nlst_780_prsn_idc_*.csv "
            "or the participant file from CDAS there."
        )
    return sorted(tables, key=lambda table: -len(table.columns)), notes


def _kind(columns: Collection[str]) -> str:
    """What a table with these columns is; empty for those that are of no use here."""
    if not any(name in columns for name in PID):
        return ""
    if "study_yr" in columns:
        if "sct_ab_desc" in columns:
            return "ctab"
        return "screen" if SCREEN & set(columns) else ""
    return "prsn" if PERSON & set(columns) else ""


def read_people(
    tables: Iterable[Table], columns: Collection[str], *, pids: Collection[str]
) -> tuple[dict[str, Person], list[str]]:
    """Read the participant tables and join them.

    Args:
        tables: Of the kind prsn; where two differ, the first counts.
        columns: The columns that are needed, in lower case.
        pids: The participants that are needed.

    Returns:
        By participant; and sentences.
    """
    rows: dict[str, list[Row]] = {}
    twice = differ = 0
    for table in tables:
        seen = set()
        for pid, row in _rows(table, columns, pids=pids):
            if pid in seen:
                twice += 1
                continue
            seen.add(pid)
            before = rows.setdefault(pid, [])
            differ += any(_differ(one, row) for one in before)
            before.append(row)
    notes = []
    if twice:
        notes.append(f"{twice} participant row(s) repeat a participant; the first counts.")
    if differ:
        notes.append(
            f"For {differ} participant(s) two files differ; the one with more columns counts."
        )
    return {pid: Person(tuple(found)) for pid, found in rows.items()}, notes


def read_exams(
    tables: Iterable[Table], columns: Collection[str], *, pids: Collection[str]
) -> tuple[dict[tuple[str, int], list[Row]], list[str]]:
    """Read screen or ctab tables; rows by participant and screening year, and sentences."""
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
    """Rows of wanted participants, with wanted columns in lower case and nothing else."""
    kept = {name: table.columns[name] for name in columns if name in table.columns}
    with many_objects():
        rows = read_rows(table.file)
    column = table.pid
    for row in rows:
        pid = re.sub(r"\.0*$", "", row.text(column))
        if pid in pids:
            values = {name: row.text(there) for name, there in kept.items()}
            yield pid, Row(row.file, row.number, values)


def _differ(one: Row, other: Row) -> bool:
    """Whether two rows hold different numbers in one column."""
    shared = one.values.keys() & other.values.keys()
    for column in shared:
        try:
            found = value(one, column), value(other, column)
        except InputError:
            continue
        if found[0] != found[1] and not any(isinstance(number, Missing) for number in found):
            return True
    return False


def need(tables: Sequence[Table], groups: Iterable[Sequence[str]], *, why: str) -> None:
    """Demand columns of the participant tables, one of each group.

    Raises:
        InputError: Names what is lacking.
    """
    lacking = _lacking(tables, groups)
    if lacking:
        raise InputError(
            f"{tables[0].file}: there is no column {', '.join(lacking)}, which {why} needs; add "
            "a participant file that has it."
        )


def _lacking(tables: Sequence[Table], groups: Iterable[Sequence[str]]) -> list[str]:
    """The groups of which no table has a column, in words."""
    has = {name for table in tables for name in table.columns}
    return [" or ".join(group) for group in groups if not has.intersection(group)]
