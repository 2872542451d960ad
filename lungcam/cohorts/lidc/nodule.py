"""A nodule: the marks of several readers that mean the same."""

import statistics
from dataclasses import dataclass

from lungcam.cohorts.lidc.annotation import Annotation
from lungcam.errors import InputError

STATISTICS = {"mean": statistics.fmean, "median": statistics.median}


@dataclass(frozen=True, eq=False)
class Nodule:
    """A nodule of 3 mm or more.

    Attributes:
        annotations: Of the readers who marked it, sorted by reader.
        ambiguous: Whether its marks meet those of another nodule, and were parted only because one
            reader drew both.
    """

    annotations: tuple[Annotation, ...]
    ambiguous: bool = False

    @property
    def readers(self) -> tuple[int, ...]:
        """Who marked it, sorted, each once."""
        return tuple(sorted({one.reader for one in self.annotations}))

    def rating(self, name: str, statistic: str = "mean") -> float:
        """Mean or median over its annotations of a rating.

        Raises:
            InputError: No annotation has this rating.
        """
        values = [one.ratings[name] for one in self.annotations if name in one.ratings]
        if not values:
            raise InputError(f"No reader gave {name}; choose another rating.")
        return float(STATISTICS[statistic](values))
