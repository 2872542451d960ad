"""Rows of a CSV table that name their file and line in errors."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.errors import InputError

# missing values as spreadsheets and pandas write them, in lower case
MISSING = ("", "na", "n/a", "nan", "none", "null")


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        file: The table.
        number: Line of the file on which the row ends; the header is on line 1.
        values: Text by column, stripped; empty where a cell is missing.
    """

    file: Path
    number: int
    values: dict[str, str]

    @property
    def place(self) -> str:
        """File and row, for error messages."""
        return f"{self.file}: row {self.number}"

    @property
    def source(self) -> str:
        """File name without the folder, and row, for a table of samples."""
        return f"{self.file.name}, row {self.number}"

    def text(self, column: str) -> str:
        """Return the text in a column; empty where the row or the table has none."""
        return self.values.get(column, "")

    def number_in(self, column: str) -> float | None:
        """Return the number in a column; None where the text is in `MISSING`.

        Raises:
            InputError: The text is not a finite number.
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
        """Return the numbers in several columns; None if any is missing."""
        values = [self.number_in(column) for column in columns]
        return None if any(value is None for value in values) else tuple(values)


def read_rows(file: str | Path, needed: Sequence[str] = ()) -> list[Row]:
    """Read a CSV table with a header.

    Args:
        file: Table in UTF-8, separated by commas.
        needed: Columns that must exist.

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
    duplicates = {name for name in header if name and header.count(name) > 1}
    if duplicates:
        raise InputError(f"{file}: there are two columns {min(duplicates)}; rename one.")
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{file}: there is no column {', '.join(missing)}; it has {', '.join(header)}."
        )
    if not rows:
        raise InputError(f"{file}: the table has no row; give one with at least one.")
    return rows


def _values(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return text by column; pad a short row and drop cells beyond the header."""
    padding = [""] * (len(header) - len(cells))
    return dict(zip(header, (*map(str.strip, cells), *padding), strict=False))
