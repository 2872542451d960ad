"""Rows of a table that name their file and line in errors.

Columns may be separated by commas, semicolons or tabs. Spreadsheets of countries with a decimal
comma write semicolons or tabs; only there `12,5` is a number.
"""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.config.paths import expand
from lungcam.config.suggestions import did_you_mean
from lungcam.errors import InputError
from lungcam.findings import NONE
from lungcam.runtime.atomic import uncell

SEPARATORS = (",", ";", "\t")
# letters of a cell; of a table to predict, a single row is no reason to refuse the others
LONGEST_CELLS = {False: 1 << 17, True: 1 << 24}
ZERO = "\udc00"
SURROGATE = re.compile("[\ud800-\udfff]")
BOOLEANS = {"true": 1.0, "false": 0.0}
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        file: The table.
        number: Line of the file on which the row ends; the header is on line 1.
        values: Text by column, stripped; empty where a cell is missing.
        decimal_comma: True if a comma is a decimal point.
    """

    file: Path
    number: int
    values: dict[str, str]
    decimal_comma: bool = False

    @property
    def place(self) -> str:
        """File and row, for error messages."""
        return f"{self.file}: row {self.number}"

    @property
    def is_damaged(self) -> bool:
        """True if the row holds bytes that are not UTF-8."""
        return any(SURROGATE.search(text) for text in self.values.values())

    @property
    def source(self) -> str:
        """File name without the folder, and row, for a table of samples."""
        return f"{self.file.name}, row {self.number}"

    def text(self, column: str) -> str:
        """Return the text in a column; empty where the row or the table has none."""
        return self.values.get(column, "")

    def number_in(self, column: str) -> float | None:
        """Return the number in a column, 1 for TRUE, 0 for FALSE; None where the text is in `NONE`.

        Raises:
            InputError: The text is not a finite number.
        """
        text = self.text(column)
        if text.lower() in NONE:
            return None
        if text.lower() in BOOLEANS:
            return BOOLEANS[text.lower()]
        if self.decimal_comma and DECIMAL_COMMA.fullmatch(text):
            text = text.replace(",", ".")
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


def read_rows(file: str | Path, needed: Sequence[str] = (), *, lenient: bool = False) -> list[Row]:
    """Read a table with a header.

    Args:
        file: Table in UTF-8, separated by commas, semicolons or tabs: by what gives the header most
            columns.
        needed: Columns that must exist.
        lenient: True to read rows with bytes that are not UTF-8, which `Row.is_damaged` tells.

    Raises:
        InputError: The table cannot be read, has no row, or lacks a needed column; the message
            names it.
    """
    file = expand(file)
    errors = "surrogateescape" if lenient else "strict"
    csv.field_size_limit(LONGEST_CELLS[lenient])
    try:
        with file.open(newline="", encoding="utf-8-sig", errors=errors) as stream:
            separator = _separator(stream.readline())
            stream.seek(0)
            # the reader refuses zeros: they become a byte that is no text either
            lines = (line.replace("\0", ZERO) for line in stream) if lenient else stream
            reader = csv.reader(lines, delimiter=separator)
            header = [name.strip() for name in next(reader, [])]
            rows = [
                Row(file, reader.line_num, _values(header, cells), separator != ",")
                for cells in reader
                if any(cells)
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
            f"{did_you_mean(missing[0], header)}"
        )
    if not rows:
        raise InputError(f"{file}: the table has no row; give one with at least one.")
    return rows


def _separator(line: str) -> str:
    """Return what separates the columns of a header, a comma if there is a single column."""
    return max(SEPARATORS, key=lambda separator: len(next(csv.reader([line], delimiter=separator))))


def _values(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return text by column; pad a short row and drop cells beyond the header."""
    padding = [""] * (len(header) - len(cells))
    texts = (uncell(cell.strip()) for cell in cells)
    return dict(zip(header, (*texts, *padding), strict=False))
