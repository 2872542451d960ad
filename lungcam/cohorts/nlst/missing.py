"""Values of NLST's tables, with SAS's typed missing ones."""

import re
from dataclasses import dataclass

from lungcam.cohorts.rows import Row

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
