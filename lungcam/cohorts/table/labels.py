"""Labels from the values of a table's column."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungcam.cohorts.csv_rows import Row
from lungcam.errors import InputError

Values = tuple[float, float] | tuple[str, ...]
# as the user types it: a value or a list of values; None for the default
ValueSetting = float | str | Sequence[float | str] | None
# default values by column: readers rate malignancy from 1 to 5, and 3 is undecided
DEFAULT_VALUES: dict[str, tuple[Values, Values]] = {"malignancy": ((1.0, 2.0), (4.0, 5.0))}
BINARY: tuple[Values, Values] = ((0.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class LabelValues:
    """A rule from a column's values to labels.

    Attributes:
        column: Name of the column.
        negative: Values of label 0: a closed range of two numbers, or words.
        positive: Values of label 1, likewise.
    """

    column: str
    negative: Values
    positive: Values

    @classmethod
    def choose(
        cls, column: str, negative: ValueSetting = None, *, positive: ValueSetting = None
    ) -> "LabelValues":
        """Return a rule with the user's values, or with the column's default values.

        A single value is a list of length 1.

        Raises:
            InputError: Only one of the two is given, or they are not ranges or words, or overlap.
        """
        if (negative is None) != (positive is None):
            raise InputError("data.negative and data.positive: give both, or leave both null.")
        if negative is None or positive is None:
            return cls(column, *DEFAULT_VALUES.get(column, BINARY))
        rule = cls(column, _values("negative", negative), _values("positive", positive))
        low, high = rule.negative, rule.positive
        are_ranges = [isinstance(values[0], float) for values in (low, high)]
        overlap = (
            max(low[0], high[0]) <= min(low[1], high[1])
            if all(are_ranges)
            else set(low) & set(high)
        )
        if overlap or are_ranges[0] != are_ranges[1]:
            raise InputError(
                f"data.negative={negative} data.positive={positive}: give two ranges, or two lists "
                "of words, that do not overlap."
            )
        return rule

    def label(self, row: Row) -> int | None:
        """Return the label of a row; None if its value is neither.

        Raises:
            InputError: The value is neither in a column of 0 and 1, or not a number for a range.
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
        """True if the column holds the labels themselves, 0 and 1."""
        return (self.negative, self.positive) == BINARY

    def check_scale(self, rows: Sequence[Row]) -> None:
        """Refuse a column that has a scale's name but other numbers.

        Raises:
            InputError: A number is off the scale; the message names the first row.
        """
        if (self.negative, self.positive) != DEFAULT_VALUES.get(self.column):
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
        """Sentence that states the rule."""
        rule = f"label 1: {self.column} {_words(self.positive)}; 0: {_words(self.negative)}"
        return rule if self.binary else f"{rule}; others left out"


def _values(key: str, setting: float | str | Sequence[float | str]) -> Values:
    """Return a setting as a range or as words."""
    values = [setting] if isinstance(setting, str | int | float) else list(setting)
    if values and all(isinstance(value, str) for value in values):
        return tuple(values)
    if len(values) in (1, 2) and all(isinstance(value, int | float) for value in values):
        low, high = float(values[0]), float(values[-1])
        if low <= high:
            return low, high
    raise InputError(f"data.{key}={setting}: give a range of two numbers, [low, high], or words.")


def _words(values: Values) -> str:
    if isinstance(values[0], str):
        return " or ".join(values)
    low, high = (f"{value:g}" for value in values)
    return low if low == high else f"{low} to {high}"
