"""Samples from the rows of a table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.identifiers import NOBODY, identifier
from lungcam.cohorts.sample import Sample
from lungcam.cohorts.table.classes import ClassValues
from lungcam.cohorts.table.columns import Columns
from lungcam.cohorts.table.labels import LabelValues
from lungcam.config.paths import expand
from lungcam.errors import InputError, plain_text
from lungcam.findings import NONE
from lungcam.scans.discover import VOLUME_SUFFIXES
from lungcam.scans.names import safe_name, unique_name
from lungcam.scans.tilt import TILTS

# signs that convert a table's coordinates to RAS
SIGNS = {"LPS": (-1, -1, 1), "RAS": (1, 1, 1)}
FARTHEST_MM = 1e6
RULE, SOURCE = "label_rule", "label_source"


@dataclass(frozen=True)
class Fault:
    """A row that gives no sample.

    Attributes:
        sample_id: Its ID, or the row's number where it has none.
        image: Text in the column of the image.
        reason: Sentence on the fault that names file and row.
    """

    sample_id: str
    image: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SampleRows:
    """Conversion of rows to samples.

    Attributes:
        columns: Columns from `choose_columns`.
        coordinates: Coordinate system of the centre, a key of `SIGNS`.
        rule: Rule from a value to a label; None if the table has no label.
        features: Columns of numbers to keep.
        tilt: `straighten` or `refuse` the slices of a tilted gantry.

    Raises:
        InputError: The coordinates are neither LPS nor RAS, or there is no such tilt.
    """

    columns: Columns
    coordinates: str
    rule: LabelValues | ClassValues | None
    features: Sequence[str] = ()
    tilt: str = TILTS[0]

    def __post_init__(self) -> None:
        if self.coordinates not in SIGNS:
            raise InputError(f"data.coordinates={self.coordinates}: choose LPS or RAS.")
        if self.tilt not in TILTS:
            raise InputError(f"data.tilt={self.tilt}: choose {' or '.join(TILTS)}.")

    def read(self, rows: Sequence[Row], names: set[str]) -> tuple[list[Sample], list[Fault]]:
        """Return the samples of valid rows and the faults of others; IDs are added to `names`."""
        samples, faults = [], []
        for row in rows:
            try:
                samples.append(self._sample(row, names))
            # a path that is too long, a zero in a name, a number that is too large
            except (InputError, OSError, ValueError, OverflowError) as error:
                own = isinstance(error, InputError)
                reason = str(error) if own else f"{row.place}: {error}; correct it."
                name = self._text(row, "sample_id") or f"row_{row.number}"
                image = self._text(row, "image") or ""
                faults.append(Fault(name, image, plain_text(reason)))
        return samples, faults

    def _sample(self, row: Row, names: set[str]) -> Sample:
        if row.is_damaged:
            raise InputError(f"{row.place} holds bytes that are not UTF-8; write it again.")
        image = self._text(row, "image")
        if image is None:
            raise InputError(
                f"{row.place} names no image in column {self.columns['image']}; fill it in or "
                "remove the row."
            )
        center = self.columns["center"] and row.numbers_in(self.columns["center"])
        signs = SIGNS[self.coordinates]
        fold, event = self._number(row, "fold"), self._number(row, "event")
        if fold is not None and (fold < 0 or fold % 1):
            raise InputError(
                f"{row.place}: {self.columns['fold']} is {fold}; give a whole number, 0 or more."
            )
        if event not in (None, 0, 1):
            raise InputError(f"{row.place}: {self.columns['event']} is {event}, neither 0 nor 1.")
        label = self.rule.label(row) if self.rule else None
        if center and max(map(abs, center)) > FARTHEST_MM:
            raise InputError(f"{row.place}: the centre is over {FARTHEST_MM / 1e6:g} km away.")
        diameter, days = self._number(row, "diameter_mm"), self._number(row, "time_days")
        features = {
            name: value for name in self.features if (value := row.number_in(name)) is not None
        }
        name = _sample_id(row, self._text(row, "sample_id"), image=image, names=names)
        mask, lungs = self._text(row, "mask"), self._text(row, "lungs_mask")
        time = self._number(row, "scan_time")
        if time is not None and (time < 0 or time % 1):
            raise InputError(
                f"{row.place}: {self.columns['scan_time']} is {time:g}; give the number of a "
                "volume, from 0."
            )
        study, series = self._text(row, "study_uid"), self._text(row, "series_uid")
        return Sample(
            sample_id=name,
            patient_id=self._text(row, "patient_id", NOBODY) or study or series or name,
            # not resolved: the user knows a link by its own name
            image=Path(os.path.normpath(_path(row, image))),
            label=label,
            label_source=self._source(row),
            study_uid=study,
            series_uid=series,
            center_mm=center and tuple(s * mm for s, mm in zip(signs, center, strict=True)),
            diameter_mm=diameter,
            lesion_mask=_path(row, mask) if mask else None,
            lesion_segment=self._text(row, "segment") if mask else None,
            lungs_mask=_path(row, lungs) if lungs else None,
            lungs_segment=self._text(row, "lungs_segment") if lungs else None,
            time=None if time is None else int(time),
            tilt=self.tilt,
            fold=None if fold is None else int(fold),
            time_days=days,
            event=None if event is None else bool(event),
            features=features,
            number=self._number(row, "number"),
        )

    def _source(self, row: Row) -> str:
        """Return the source of a label; a table of `write_samples` holds the original source."""
        if self.rule is None:
            return row.source
        source = row.text(SOURCE) or f"{self.rule.column} {row.text(self.rule.column) or 'empty'}"
        return f"{row.source}: {source}"

    def _text(self, row: Row, field: str, none: Sequence[str] = NONE) -> str | None:
        column = self.columns[field]
        return identifier(row.text(column), nobody=none) if isinstance(column, str) else None

    def _number(self, row: Row, field: str) -> float | None:
        column = self.columns[field]
        return row.number_in(column) if isinstance(column, str) else None


def _path(row: Row, text: str) -> Path:
    """Return a path relative to the table; `~` is the user's home unless a file has this name."""
    path = row.file.parent / text
    return path if path.exists() else row.file.parent / expand(text)


def _sample_id(row: Row, text: str | None, *, image: str, names: set[str]) -> str:
    """Return an ID that can name a folder.

    IDs from images that several rows share are numbered, and so are those that are the same on some
    file systems.
    """
    stem = Path(image).name
    # the longest suffix first: .nii.gz, not .gz alone
    for suffix in sorted(VOLUME_SUFFIXES, key=len, reverse=True):
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    name = safe_name(text or stem)
    if not name:
        raise InputError(f"{row.place}: sample_id {text or stem} cannot name a folder; change it.")
    # as typed, and without case and form: the two kinds never meet
    exact = f"={name}"
    if exact in names and text:
        raise InputError(f"{row.place}: sample_id {name} occurs twice; make it unique.")
    names.add(exact)
    return unique_name(name, names)
