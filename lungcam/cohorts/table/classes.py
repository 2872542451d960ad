"""Several classes from the values of a table's column."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.table.labels import (
    LabelValues,
    Values,
    ValueSetting,
    are_apart,
    first_match,
    in_words,
    label_values,
    unmatched_note,
)
from lungcam.errors import InputError

# as the user types it: words of the column, or names with their values
ClassSetting = Mapping[str, ValueSetting] | Sequence[str | float] | None


@dataclass(frozen=True)
class ClassValues:
    """A rule from a column's values to classes, numbered from 0 in the stated order.

    Attributes:
        column: Name of the column.
        values: Values of each class, by its name: a closed range of two numbers, or words.
    """

    column: str
    values: Mapping[str, Values]

    @classmethod
    def choose(cls, column: str, setting: Mapping | Sequence) -> "ClassValues":
        """Return the rule of `data.classes`.

        Args:
            column: Name of the column.
            setting: Values of the column, each a class of that name; or names of classes, each with
                a value, a list of words or a range of two numbers.

        Raises:
            InputError: There are fewer than two classes, they overlap, or their names cannot name
                files.
        """
        example = "such as data.classes=[benign,adenocarcinoma,squamous]"
        if isinstance(setting, str) or not isinstance(setting, Mapping | Sequence):
            raise InputError(f"data.classes={setting}: list the classes, {example}.")
        named = setting if isinstance(setting, Mapping) else {str(name): name for name in setting}
        if len(named) != len(setting) or len(named) < 2:
            raise InputError(
                f"data.classes={setting}: name two different classes or more, {example}."
            )
        values = {
            str(name): label_values(f"classes.{name}", value) for name, value in named.items()
        }
        for first, second in combinations(values, 2):
            if not are_apart(values[first], values[second]):
                raise InputError(
                    f"data.classes: {first} and {second} overlap; give each class a range, or "
                    "words, of its own."
                )
        if len({file_name(name) for name in values} - {""}) < len(values):
            raise InputError(
                f"data.classes={list(values)}: two of the names would name one file; use different "
                "letters and digits."
            )
        return cls(column, values)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in order."""
        return tuple(self.values)

    def label(self, row: Row) -> int | None:
        """Return the number of a row's class; None if its value is of none.

        Raises:
            InputError: The value is not a number, and the classes are ranges.
        """
        return first_match(row, self.column, values=list(self.values.values()))

    def unmatched(self, rows: Sequence[Row]) -> list[str]:
        """Return a note on the words of a column that are of no class, with their counts."""
        words = [word for values in self.values.values() for word in values]
        known = words if isinstance(words[0], str) else None
        return unmatched_note(rows, self.column, known=known, reason="of no class")

    @property
    def sentence(self) -> str:
        """Sentence that states the rule."""
        parts = [
            name if values == (name,) else f"{name} ({in_words(values)})"
            for name, values in self.values.items()
        ]
        return f"classes by {self.column}: {', '.join(parts)}; others left out"


def choose_rule(
    column: str, negative: ValueSetting, *, positive: ValueSetting, classes: ClassSetting
) -> LabelValues | ClassValues:
    """Return the rule of a table's label: two labels, or several classes.

    Raises:
        InputError: Both are given, or they are wrong.
    """
    if classes is None:
        return LabelValues.choose(column, negative, positive=positive)
    if negative is not None or positive is not None:
        raise InputError(
            "data.classes: it is another rule than data.negative and data.positive; give one."
        )
    return ClassValues.choose(column, classes)


def file_name(name: str) -> str:
    """Return the part of a file's name that names a class."""
    return re.sub(r"[^\w.\-]+", "_", name).strip("._")
