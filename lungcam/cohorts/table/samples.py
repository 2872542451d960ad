"""A table of a user's own as a cohort."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.cohorts.nlst import refuse_outcomes
from lungcam.cohorts.rows import Row, read_rows
from lungcam.cohorts.sample import Cohort, Sample
from lungcam.cohorts.table.columns import Columns, choose_columns
from lungcam.cohorts.table.labels import LabelValues
from lungcam.cohorts.table.write import COLUMNS
from lungcam.errors import InputError
from lungcam.scans.discover import VOLUME_SUFFIXES

# signs that turn a table's coordinates into RAS
SIGNS = {"LPS": (-1, -1, 1), "RAS": (1, 1, 1)}


def table_cohort(
    table: str | Sequence[str],
    columns: Mapping[str, str | Sequence[str] | None],
    coordinates: str = "LPS",
    negative: float | str | Sequence[float | str] | None = None,
    positive: float | str | Sequence[float | str] | None = None,
    features: Sequence[str] = (),
) -> Cohort:
    """Read one or several tables to train on.

    Args:
        table: CSV file, or several: then all are one cohort.
        columns: The table's columns by lungcam's names; see `choose_columns`.
        coordinates: Of the centre: LPS, as in LUNA16 and DICOM, or RAS.
        negative: Values of the label's column that mean 0; see `LabelValues`.
        positive: Values that mean 1.
        features: Columns of numbers to keep, each a baseline of its own.

    Returns:
        A sample a row.

    Raises:
        InputError: A table or a setting is at fault; the message names it.
    """
    files = [Path(one) for one in ([table] if isinstance(table, str) else table)]
    if not files:
        raise InputError("data.table: name a CSV file, or several: data.table=[a.csv,b.csv].")
    refuse_outcomes(features)
    known = [name for name in features if name in COLUMNS]
    if known:
        raise InputError(f"data.features: {known[0]} is read already; take it out of the list.")
    samples: list[Sample] = []
    rules, notes, names = [], [], set()
    for file in files:
        rows = read_rows(file, features)
        chosen = choose_columns(file, list(rows[0].values), columns)
        if chosen["label"] is None:
            raise InputError(
                f"{file}: there is no column `label`; add one, or name yours by data.columns.label."
            )
        rule = LabelValues.choose(chosen["label"], negative, positive)
        rules.append(rule.sentence)
        notes += _stand_ins(file, chosen)
        samples += _samples(rows, chosen, coordinates, rule, features, names)
    return Cohort(samples, "; ".join(dict.fromkeys(rules)), notes)


def read_samples(
    file: Path,
    columns: Mapping[str, str | Sequence[str] | None],
    coordinates: str = "LPS",
    negative: float | str | Sequence[float | str] | None = None,
    positive: float | str | Sequence[float | str] | None = None,
) -> list[Sample]:
    """Read a table that a trained net is applied to: of all columns only `image` must be there.

    Args:
        file: The table.
        columns: As in training.
        coordinates: As in training.
        negative: As in training.
        positive: As in training.

    Raises:
        InputError: The table is at fault; the message names it.
    """
    rows = read_rows(file)
    chosen = choose_columns(file, list(rows[0].values), columns, lenient=True)
    rule = chosen["label"] and LabelValues.choose(chosen["label"], negative, positive)
    return _samples(rows, chosen, coordinates, rule or None, (), set())


def _samples(
    rows: Sequence[Row],
    columns: Columns,
    coordinates: str,
    rule: LabelValues | None,
    features: Sequence[str],
    names: set[str],
) -> list[Sample]:
    """A sample a row; `names`, the ids that are taken, grows."""
    if coordinates not in SIGNS:
        raise InputError(f"data.coordinates={coordinates}: choose LPS or RAS.")
    samples = []
    for row in rows:

        def text(name: str, row: Row = row) -> str | None:
            column = columns[name]
            return (isinstance(column, str) and row.text(column)) or None

        def number(name: str, row: Row = row) -> float | None:
            column = columns[name]
            return row.number_in(column) if isinstance(column, str) else None

        image = text("image")
        if image is None:
            raise InputError(
                f"{row.place} names no image in column {columns['image']}; fill it in or remove "
                "the row."
            )
        name = _name(row, text("sample_id"), image, names)
        center = row.numbers_in(columns["center"]) if columns["center"] else None
        signs = SIGNS[coordinates]
        mask, fold, event = text("mask"), number("fold"), number("event")
        if fold is not None and (fold < 0 or fold % 1):
            raise InputError(f"{row.place}: {columns['fold']} is {fold}; give a number from 0 on.")
        if event not in (None, 0, 1):
            raise InputError(f"{row.place}: {columns['event']} is {event}, neither 0 nor 1.")
        samples.append(
            Sample(
                sample_id=name,
                patient_id=text("patient_id") or text("series_uid") or name,
                # not resolved: a link's own name is the one that the user knows
                image=Path(os.path.normpath(row.file.parent / image)),
                label=rule.label(row) if rule else None,
                label_source=f"{row.source}: {rule.column} {row.text(rule.column) or 'empty'}"
                if rule
                else row.source,
                study_uid=text("study_uid"),
                series_uid=text("series_uid"),
                center_mm=center and tuple(s * mm for s, mm in zip(signs, center, strict=True)),
                diameter_mm=number("diameter_mm"),
                lesion_mask=row.file.parent / mask if mask else None,
                fold=None if fold is None else int(fold),
                time_days=number("time_days"),
                event=None if event is None else bool(event),
                features={
                    name: value for name in features if (value := row.number_in(name)) is not None
                },
            )
        )
    return samples


def _name(row: Row, given: str | None, image: str, names: set[str]) -> str:
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


def _stand_ins(file: Path, columns: Columns) -> list[str]:
    """What stands in for a missing patient."""
    if columns["patient_id"] is not None:
        return []
    other = "series" if columns["series_uid"] is not None else "row"
    return [
        f"{file.name} has no column patient_id: every {other} counts as a patient of its own; add "
        "one if patients have several."
    ]
