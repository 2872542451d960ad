"""Rows of a CSV table, with what names them in an error."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.errors import InputError

# as spreadsheets and pandas write it
MISSING = ("", "na", "n/a", "nan", "none", "null")


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        file: The table.
        number: Line in the file on which the row ends; the header stands on 1.
        values: Text by column, stripped; empty where there is none.
    """

    file: Path
    number: int
    values: dict[str, str]

    @property
    def place(self) -> str:
        """Name file and row."""
        return f"{self.file}: row {self.number}"

    @property
    def source(self) -> str:
        """Name file and row without the folder, for a table of samples."""
        return f"{self.file.name}, row {self.number}"

    def text(self, column: str) -> str:
        """Text in a column; empty where the row or the table has none."""
        return self.values.get(column, "")

    def number_in(self, column: str) -> float | None:
        """Number in a column; None where it is empty or a word of `MISSING`.

        Raises:
            InputError: It is not a finite number.
        """
        text = self.text(column)
        if text.lower() in MISSING:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{self.place}: {column} is {text!r}, not a number; correct it.")
        return value

    def numbers_in(self, columns: Sequence[str]) -> tuple[float, ...] | None:
        """Numbers in some columns; None unless all are there."""
        found = [self.number_in(column) for column in columns]
        return None if any(one is None for one in found) else tuple(found)


def read_rows(file: str | Path, needed: Sequence[str] = ()) -> list[Row]:
    """Read a CSV table with a header.

    Args:
        file: The table, in UTF-8, with commas.
        needed: Columns that must be there.

    Raises:
        InputError: The table cannot be read, has no row, or lacks a needed column; the message
            names it.
    """
    file = Path(file)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = [name.strip() for name in next(reader, [])]
            rows = [
                Row(file, reader.line_num, _values(header, cells)) for cells in reader if any(cells)
            ]
    except FileNotFoundError as error:
        raise InputError(f"{file}: there is no such file; check the path.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as a CSV table in UTF-8; check it.") from error
    twice = {name for name in header if name and header.count(name) > 1}
    if twice:
        raise InputError(f"{file}: column {min(twice)} stands twice; rename one.")
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{file}: there is no column {', '.join(missing)}; it has {', '.join(header)}."
        )
    if not rows:
        raise InputError(f"{file}: the table has no row; give one with at least one.")
    return rows


def _values(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Text by column; a short row is filled up, and what lies beyond the header is dropped."""
    missing = [""] * (len(header) - len(cells))
    return dict(zip(header, (*map(str.strip, cells), *missing), strict=False))
