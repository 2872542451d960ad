"""Which values of a column mean positive, and which negative."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungcam.cohorts.csv_rows import Row
from lungcam.errors import InputError

Values = tuple[float, float] | tuple[str, ...]
# where the user names none: readers rate malignancy from 1 to 5, and 3 is undecided
USUAL: dict[str, tuple[Values, Values]] = {"malignancy": ((1.0, 2.0), (4.0, 5.0))}
BINARY: tuple[Values, Values] = ((0.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class LabelValues:
    """A rule from a column's values to labels.

    Attributes:
        column: The column.
        negative: Label 0: a closed range of two numbers, or words.
        positive: Label 1, likewise.
    """

    column: str
    negative: Values
    positive: Values

    @classmethod
    def choose(
        cls,
        column: str,
        negative: float | str | Sequence[float | str] | None = None,
        *,
        positive: float | str | Sequence[float | str] | None = None,
    ) -> "LabelValues":
        """Take the user's values, or the column's usual ones; one value alone is a list of it.

        Raises:
            InputError: Only one of both is given, or they are no ranges or words, or overlap.
        """
        if (negative is None) != (positive is None):
            raise InputError("data.negative and data.positive: give both, or leave both null.")
        if negative is None or positive is None:
            return cls(column, *USUAL.get(column, BINARY))
        rule = cls(column, _values("negative", negative), _values("positive", positive))
        low, high = rule.negative, rule.positive
        numbers = [isinstance(one[0], float) for one in (low, high)]
        both = (
            max(low[0], high[0]) <= min(low[1], high[1]) if all(numbers) else set(low) & set(high)
        )
        if both or numbers[0] != numbers[1]:
            raise InputError(
                f"data.negative={negative} data.positive={positive}: give two ranges, or two lists "
                "of words, that do not overlap."
            )
        return rule

    def label(self, row: Row) -> int | None:
        """Label of a row; None where its value is neither.

        Raises:
            InputError: Of a column of 0 and 1 the value is neither; of a range it is no number.
        """
        text = row.text(self.column)
        if not text:
            return None
        value = row.number_in(self.column) if isinstance(self.positive[0], float) else text
        if value is None:
            return None
        for label, values in ((0, self.negative), (1, self.positive)):
            if value in values or (not isinstance(value, str) and values[0] <= value <= values[1]):
                return label
        if self.binary:
            raise InputError(
                f"{row.place}: {self.column} is {text}, neither 0 nor 1; correct it, or give "
                "data.negative and data.positive."
            )
        return None

    @property
    def binary(self) -> bool:
        """Whether the column holds the labels themselves, 0 and 1."""
        return (self.negative, self.positive) == BINARY

    def demand_scale(self, rows: Sequence[Row]) -> None:
        """Refuse a column that bears a scale's name and holds other numbers.

        Raises:
            InputError: Names the first row.
        """
        if (self.negative, self.positive) != USUAL.get(self.column):
            return
        low, high = self.negative[0], self.positive[1]
        for row in rows:
            value = row.number_in(self.column)
            if value is not None and not low <= value <= high:
                raise InputError(
                    f"{row.place}: {self.column} is {value:g}, not on the scale from {low:g} to "
                    f"{high:g}; correct it, or give data.negative and data.positive."
                )

    @property
    def sentence(self) -> str:
        """The rule in words."""
        told = f"label 1: {self.column} {_words(self.positive)}; 0: {_words(self.negative)}"
        return told if self.binary else f"{told}; others left out"


def _values(name: str, given: float | str | Sequence[float | str]) -> Values:
    several = [given] if isinstance(given, str | int | float) else list(given)
    if several and all(isinstance(one, str) for one in several):
        return tuple(several)
    if len(several) in (1, 2) and all(isinstance(one, int | float) for one in several):
        low, high = float(several[0]), float(several[-1])
        if low <= high:
            return low, high
    raise InputError(f"data.{name}={given}: give a range of two numbers, [low, high], or words.")


def _words(values: Values) -> str:
    if isinstance(values[0], str):
        return " or ".join(values)
    low, high = (f"{one:g}" for one in values)
    return low if low == high else f"{low} to {high}"
