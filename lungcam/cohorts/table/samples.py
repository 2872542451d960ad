"""Rows of a table as samples."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.sample import Sample
from lungcam.cohorts.table.columns import Columns
from lungcam.cohorts.table.labels import LabelValues
from lungcam.errors import InputError
from lungcam.scans.discover import VOLUME_SUFFIXES

# signs that turn a table's coordinates into RAS
SIGNS = {"LPS": (-1, -1, 1), "RAS": (1, 1, 1)}
RULE, SOURCE = "label_rule", "label_source"


@dataclass(frozen=True)
class Fault:
    """A row that gives no sample.

    Attributes:
        sample_id: Its id, or the row's number where it has none.
        image: What stands in the image's column.
        reason: What is wrong, with file and row.
    """

    sample_id: str
    image: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SampleRows:
    """How rows become samples.

    Attributes:
        columns: From `choose_columns`.
        coordinates: Of the centre, a key of `SIGNS`.
        rule: From a value to a label, None where the table has no label.
        features: Columns to keep.

    Raises:
        InputError: The coordinates are of neither kind.
    """

    columns: Columns
    coordinates: str
    rule: LabelValues | None
    features: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.coordinates not in SIGNS:
            raise InputError(f"data.coordinates={self.coordinates}: choose LPS or RAS.")

    def read(self, rows: Sequence[Row], names: set[str]) -> tuple[list[Sample], list[Fault]]:
        """Make a sample of each row that is right; `names`, the ids that are taken, grows."""
        samples, faults = [], []
        for row in rows:
            try:
                samples.append(self._sample(row, names))
            except InputError as error:
                name = self._text(row, "sample_id") or f"row_{row.number}"
                faults.append(Fault(name, self._text(row, "image") or "", str(error)))
        return samples, faults

    def _sample(self, row: Row, names: set[str]) -> Sample:
        image = self._text(row, "image")
        if image is None:
            raise InputError(
                f"{row.place} names no image in column {self.columns['image']}; fill it in or "
                "remove the row."
            )
        center = self.columns["center"] and row.numbers_in(self.columns["center"])
        signs = SIGNS[self.coordinates]
        mask, fold, event = (
            self._text(row, "mask"),
            self._number(row, "fold"),
            self._number(row, "event"),
        )
        if fold is not None and (fold < 0 or fold % 1):
            raise InputError(
                f"{row.place}: {self.columns['fold']} is {fold}; give a number from 0 on."
            )
        if event not in (None, 0, 1):
            raise InputError(f"{row.place}: {self.columns['event']} is {event}, neither 0 nor 1.")
        label = self.rule.label(row) if self.rule else None
        diameter, days = self._number(row, "diameter_mm"), self._number(row, "time_days")
        features = {
            name: value for name in self.features if (value := row.number_in(name)) is not None
        }
        name = _name(row, self._text(row, "sample_id"), image=image, names=names)
        study, series = self._text(row, "study_uid"), self._text(row, "series_uid")
        return Sample(
            sample_id=name,
            patient_id=self._text(row, "patient_id") or study or series or name,
            # not resolved: a link's own name is the one that the user knows
            image=Path(os.path.normpath(row.file.parent / image)),
            label=label,
            label_source=self._source(row),
            study_uid=study,
            series_uid=series,
            center_mm=center and tuple(s * mm for s, mm in zip(signs, center, strict=True)),
            diameter_mm=diameter,
            lesion_mask=row.file.parent / mask if mask else None,
            fold=None if fold is None else int(fold),
            time_days=days,
            event=None if event is None else bool(event),
            features=features,
        )

    def _source(self, row: Row) -> str:
        """Where a label came from; a table that `write_samples` wrote tells it further back."""
        if self.rule is None:
            return row.source
        told = row.text(SOURCE) or f"{self.rule.column} {row.text(self.rule.column) or 'empty'}"
        return f"{row.source}: {told}"

    def _text(self, row: Row, name: str) -> str | None:
        column = self.columns[name]
        return (isinstance(column, str) and row.text(column)) or None

    def _number(self, row: Row, name: str) -> float | None:
        column = self.columns[name]
        return row.number_in(column) if isinstance(column, str) else None


def _name(row: Row, given: str | None, *, image: str, names: set[str]) -> str:
    """An id that can name a folder; images that several rows share are counted."""
    stem = Path(image).name
    # of .nii.gz, not .gz alone
    for suffix in sorted(VOLUME_SUFFIXES, key=len, reverse=True):
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    name = re.sub(r"[^\w.\-]+", "_", given or stem)
    if not name.strip("."):
        raise InputError(f"{row.place}: sample_id {name} cannot name a folder; change it.")
    if name in names and given:
        raise InputError(f"{row.place}: sample_id {name} stands twice; make it unique.")
    first, count = name, 1
    while name in names:
        count += 1
        name = f"{first}_{count}"
    names.add(name)
    return name
