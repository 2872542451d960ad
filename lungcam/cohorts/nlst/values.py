"""Values of NLST's tables, with SAS's typed missing values."""

import re
from dataclasses import dataclass

from lungcam.cohorts.csv_rows import Row

MEANINGS = {
    ".N": "not applicable or none on record",
    ".E": "screen date after lung cancer diagnosis",
    ".W": "wrong screen administered",
    ".M": "missing",
    ".F": "no form",
}
# missing values as SAS, pandas and BigQuery export them
EMPTY = ("", ".", "na", "n/a", "nan", "null", "none", "<na>")
TYPED = re.compile(r"\.[A-Z_]")


@dataclass(frozen=True)
class Missing:
    """A missing value.

    Attributes:
        code: SAS's code of the reason, such as .N; empty if the reason is unknown.
    """

    code: str = ""

    @property
    def meaning(self) -> str:
        """Reason in the words of the participant data dictionary."""
        return MEANINGS.get(self.code, "no value")

    def __str__(self) -> str:
        return f"{self.code} ({self.meaning})" if self.code else "empty"


Value = int | float | Missing


def value(row: Row, column: str) -> Value:
    """Return the number in a column, or the reason why it is missing.

    Raises:
        InputError: The text is neither a number nor a missing value.
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
