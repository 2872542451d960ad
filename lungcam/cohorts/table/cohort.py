"""A table of a user's own as a cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.cohorts.nlst import refuse_outcomes
from lungcam.cohorts.sample import Cohort, Sample
from lungcam.cohorts.settings import as_names
from lungcam.cohorts.table.columns import Columns, choose_columns
from lungcam.cohorts.table.labels import LabelValues
from lungcam.cohorts.table.samples import RULE, Fault, SampleRows
from lungcam.cohorts.table.write import COLUMNS
from lungcam.errors import InputError

Given = float | str | Sequence[float | str] | None


def table_cohort(
    table: str | Sequence[str],
    columns: Mapping[str, str | Sequence[str] | None],
    coordinates: str = "LPS",
    negative: Given = None,
    positive: Given = None,
    features: str | Sequence[str] = (),
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
        A sample for each row that is right; the others are told in the notes.

    Raises:
        InputError: A table or a setting is at fault, or no row is right; the message names it.
    """
    files = [Path(one) for one in ([table] if isinstance(table, str) else table)]
    if not files:
        raise InputError("data.table: name a CSV file, or several: data.table=[a.csv,b.csv].")
    features = as_names("features", features)
    refuse_outcomes(features)
    samples: list[Sample] = []
    rules, notes, names = [], [], set()
    for file in files:
        rows = read_rows(file, features)
        chosen = choose_columns(file, list(rows[0].values), wanted=columns)
        if chosen["label"] is None:
            raise InputError(
                f"{file}: there is no column `label`; add one, or name yours by data.columns.label."
            )
        known = [name for name in features if name in (*COLUMNS, chosen["label"])]
        if known:
            raise InputError(f"data.features: {known[0]} is read already; take it out of the list.")
        rule = LabelValues.choose(chosen["label"], negative, positive=positive)
        rule.demand_scale(rows)
        found, faults = SampleRows(
            columns=chosen, coordinates=coordinates, rule=rule, features=features
        ).read(rows, names)
        if not found:
            raise InputError(faults[0].reason)
        samples += found
        rules += _rules(rows, rule)
        notes += [*_faulty(file, faults), *_stand_ins(file, chosen, rows=rows)]
    rules = list(dict.fromkeys(rules))
    if len(rules) > 1:
        notes.append(f"Labels follow {len(rules)} rules; a figure of all together mixes them.")
    samples, renamed = _known_patients(samples)
    return Cohort(samples, "; and: ".join(rules), [*notes, *renamed])


def read_samples(
    file: Path,
    columns: Mapping[str, str | Sequence[str] | None],
    coordinates: str = "LPS",
    negative: Given = None,
    positive: Given = None,
) -> tuple[list[Sample], list[Fault]]:
    """Read a table that a trained net is applied to: of all columns only `image` must be there.

    Args:
        file: The table.
        columns: As in training.
        coordinates: As in training.
        negative: As in training.
        positive: As in training.

    Returns:
        A sample for each row that is right, and what is wrong with the others.

    Raises:
        InputError: The table is at fault, or no row is right; the message names it.
    """
    rows = read_rows(file)
    chosen = choose_columns(file, list(rows[0].values), wanted=columns, lenient=True)
    label = chosen["label"]
    rule = (
        LabelValues.choose(label, negative, positive=positive) if isinstance(label, str) else None
    )
    samples, faults = SampleRows(columns=chosen, coordinates=coordinates, rule=rule).read(
        rows, set()
    )
    if not samples:
        raise InputError(faults[0].reason)
    return samples, faults


def _rules(rows: Sequence[Row], rule: LabelValues) -> list[str]:
    """What label 1 means; a table that `write_samples` wrote brings its rule along."""
    brought = dict.fromkeys(row.text(RULE) for row in rows if row.text(RULE))
    return list(brought) if rule.binary and brought else [rule.sentence]


def _faulty(file: Path, faults: Sequence[Fault]) -> list[str]:
    """What is told of rows that are left out."""
    if not faults:
        return []
    # notes go into metrics.json, which names no folder
    first = faults[0].reason.replace(str(file), file.name)
    return [f"{len(faults)} row(s) of {file.name} are left out, the first since {first}"]


def _stand_ins(file: Path, columns: Columns, *, rows: Sequence[Row]) -> list[str]:
    """What stands in for missing patients."""
    column = columns["patient_id"]
    blank = [row for row in rows if not (isinstance(column, str) and row.text(column))]
    if not blank:
        return []
    uids = [name for name in (columns["study_uid"], columns["series_uid"]) if name]
    other = f"its {uids[0]}" if uids else "each row"
    return [
        f"{len(blank)} row(s) of {file.name} name no patient: {other} counts as one; fill in "
        f"{column or 'a column patient_id'} if patients have several scans"
    ]


def _known_patients(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Let a series that stands in for its patient, as in LUNA16, give way to the patient.

    Where another table knows whose the series is, its samples are that patient's.
    """
    patient_of = {
        one.series_uid: one.patient_id
        for one in samples
        if one.series_uid and one.patient_id != one.series_uid
    }
    known = [
        replace(one, patient_id=patient_of[one.series_uid])
        if one.patient_id == one.series_uid and one.series_uid in patient_of
        else one
        for one in samples
    ]
    changed = sum(a is not b for a, b in zip(samples, known, strict=True))
    if not changed:
        return list(samples), []
    return known, [f"{changed} sample(s) of an unnamed patient take that of the same series"]
