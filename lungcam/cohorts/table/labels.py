"""Labels from the values of a table's column."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lungcam.cohorts.csv_rows import Row
from lungcam.errors import InputError

Values = tuple[float, float] | tuple[str, ...]
# as the user types it: a value or a list of values; None for the default
ValueSetting = float | str | Sequence[float | str] | None
# default values by column: readers rate malignancy from 1 to 5, and 3 is undecided
DEFAULT_VALUES: dict[str, tuple[Values, Values]] = {"malignancy": ((1.0, 2.0), (4.0, 5.0))}
MOST_NAMED = 10
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
        rule = cls(column, label_values("negative", negative), label_values("positive", positive))
        if not are_apart(rule.negative, rule.positive):
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
        label = first_match(row, self.column, values=(self.negative, self.positive))
        if label is not None:
            return label
        if self.binary and row.number_in(self.column) is not None:
            raise InputError(
                f"{row.place}: {self.column} is {text}, neither 0 nor 1; correct it, or give "
                "data.negative and data.positive."
            )
        return None

    def unmatched(self, rows: Sequence[Row]) -> list[str]:
        """Return a note on the words of a column that are neither, with their counts."""
        neither = f"neither {in_words(self.positive)} nor {in_words(self.negative)}"
        known = (*self.negative, *self.positive) if self.words else None
        return unmatched_note(rows, self.column, known=known, reason=neither)

    @property
    def words(self) -> bool:
        """True if words, not numbers, decide."""
        return isinstance(self.positive[0], str)

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
        rule = f"label 1: {self.column} {in_words(self.positive)}; 0: {in_words(self.negative)}"
        return rule if self.binary else f"{rule}; others left out"


def first_match(row: Row, column: str, *, values: Sequence[Values]) -> int | None:
    """Return the number of the first values that hold a row's; None if none do.

    Args:
        row: The row.
        column: Name of the column.
        values: Values of each label, all of them ranges or all of them words.

    Raises:
        InputError: The row's value is not a number, and the others are ranges.
    """
    text = row.text(column)
    value = row.number_in(column) if isinstance(values[0][0], float) else text
    if value is None or not text:
        return None
    for number, own in enumerate(values):
        if value in own or (not isinstance(value, str) and own[0] <= value <= own[1]):
            return number
    return None


def unmatched_note(
    rows: Sequence[Row], column: str, *, known: Sequence[str] | None, reason: str
) -> list[str]:
    """Return a note on the words of a column that give no label, with their counts.

    Args:
        rows: Rows of the table.
        column: Name of the column.
        known: Words that give a label; None where numbers decide.
        reason: What the others are not.
    """
    counts = Counter(
        row.text(column)
        for row in rows
        if known is not None and row.text(column) not in (*known, "")
    )
    if not counts:
        return []
    named = ", ".join(f"{word!r} ({count})" for word, count in counts.most_common(MOST_NAMED))
    more = f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else ""
    return [f"{counts.total()} row(s) have no label, since {column} is {reason}: {named}{more}"]


def are_apart(first: Values, second: Values) -> bool:
    """Return True for two ranges, or two lists of words, that do not overlap."""
    are_ranges = [isinstance(values[0], float) for values in (first, second)]
    if are_ranges[0] != are_ranges[1]:
        return False
    if all(are_ranges):
        return max(first[0], second[0]) > min(first[1], second[1])
    return not set(first) & set(second)


def label_values(key: str, setting: float | str | Sequence[float | str]) -> Values:
    """Return a setting as a range or as words.

    Raises:
        InputError: It is neither; the message names the key.
    """
    values = [setting] if isinstance(setting, str | int | float) else list(setting)
    if values and all(isinstance(value, str) for value in values):
        return tuple(values)
    if len(values) in (1, 2) and all(isinstance(value, int | float) for value in values):
        low, high = float(values[0]), float(values[-1])
        if low <= high:
            return low, high
    raise InputError(f"data.{key}={setting}: give a range of two numbers, [low, high], or words.")


def in_words(values: Values) -> str:
    """Return the values of a label in words."""
    if isinstance(values[0], str):
        return " or ".join(values)
    low, high = (f"{value:g}" for value in values)
    return low if low == high else f"{low} to {high}"
