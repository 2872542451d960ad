"""A table of the user as a cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.cohorts.nlst import refuse_outcomes
from lungcam.cohorts.sample import Cohort, Sample
from lungcam.cohorts.settings import as_names
from lungcam.cohorts.table.columns import Columns, choose_columns
from lungcam.cohorts.table.labels import LabelValues, ValueSetting
from lungcam.cohorts.table.samples import RULE, Fault, SampleRows
from lungcam.cohorts.table.write import COLUMNS
from lungcam.errors import InputError

ColumnSettings = Mapping[str, str | Sequence[str] | None]


def table_cohort(
    table: str | Sequence[str],
    columns: ColumnSettings,
    *,
    coordinates: str = "LPS",
    negative: ValueSetting = None,
    positive: ValueSetting = None,
    features: str | Sequence[str] = (),
) -> Cohort:
    """Read one or several tables to train on.

    Args:
        table: CSV file, or several, which form one cohort.
        columns: The table's columns by field; see `choose_columns`.
        coordinates: Coordinate system of the centre: LPS, as in LUNA16 and DICOM, or RAS.
        negative: Values of the label's column that mean 0; see `LabelValues`.
        positive: Values that mean 1.
        features: Columns of numbers to keep, each a separate baseline.

    Returns:
        A sample for each valid row; the notes count the other rows.

    Raises:
        InputError: A table or a setting is wrong, or no row is valid; the message names it.
    """
    files = [Path(file) for file in ([table] if isinstance(table, str) else table)]
    if not files:
        raise InputError("data.table: name a CSV file, or several: data.table=[a.csv,b.csv].")
    features = as_names("features", features)
    refuse_outcomes(features)
    reader = _TableReader(
        columns=columns,
        coordinates=coordinates,
        negative=negative,
        positive=positive,
        features=features,
    )
    for file in files:
        reader.read(file)
    rules = list(dict.fromkeys(reader.rules))
    notes = reader.notes
    if len(rules) > 1:
        notes.append(f"Labels follow {len(rules)} rules; metrics over all samples mix them.")
    samples, renamed = _resolve_patients(reader.samples)
    return Cohort(samples, "; and: ".join(rules), [*notes, *renamed])


def read_samples(
    file: Path,
    columns: ColumnSettings,
    *,
    coordinates: str = "LPS",
    negative: ValueSetting = None,
    positive: ValueSetting = None,
) -> tuple[list[Sample], list[Fault]]:
    """Read a table that a trained net is applied to; only the column `image` is required.

    Args:
        file: The table.
        columns: As in training.
        coordinates: As in training.
        negative: As in training.
        positive: As in training.

    Returns:
        A sample for each valid row, and the faults of the others.

    Raises:
        InputError: The table is wrong, or no row is valid; the message names it.
    """
    rows = read_rows(file)
    chosen = choose_columns(file, list(rows[0].values), columns=columns, lenient=True)
    label = chosen["label"]
    rule = (
        LabelValues.choose(label, negative, positive=positive) if isinstance(label, str) else None
    )
    sample_rows = SampleRows(columns=chosen, coordinates=coordinates, rule=rule)
    samples, faults = sample_rows.read(rows, set())
    if not samples:
        raise InputError(faults[0].reason)
    return samples, faults


@dataclass(kw_only=True)
class _TableReader:
    """Settings of the tables of a cohort, and the samples, rules and notes read so far."""

    columns: ColumnSettings
    coordinates: str
    negative: ValueSetting
    positive: ValueSetting
    features: Sequence[str]
    samples: list[Sample] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def read(self, file: Path) -> None:
        """Add the samples of a table.

        Raises:
            InputError: The table or a setting is wrong, or no row is valid.
        """
        rows = read_rows(file, self.features)
        chosen = choose_columns(file, list(rows[0].values), columns=self.columns)
        label = chosen["label"]
        if label is None:
            raise InputError(
                f"{file}: there is no column `label`; add one, or name yours by data.columns.label."
            )
        reserved = [name for name in self.features if name in (*COLUMNS, label)]
        if reserved:
            raise InputError(
                f"data.features: {reserved[0]} is read already; take it out of the list."
            )
        rule = LabelValues.choose(label, self.negative, positive=self.positive)
        rule.check_scale(rows)
        sample_rows = SampleRows(
            columns=chosen, coordinates=self.coordinates, rule=rule, features=self.features
        )
        samples, faults = sample_rows.read(rows, self.names)
        if not samples:
            raise InputError(faults[0].reason)
        self.samples += samples
        self.rules += _rules(rows, rule)
        self.notes += [*_fault_notes(file, faults), *_patient_notes(file, chosen, rows=rows)]


def _rules(rows: Sequence[Row], rule: LabelValues) -> list[str]:
    """Return the label rules; a table of `write_samples` holds its own."""
    stored = dict.fromkeys(row.text(RULE) for row in rows if row.text(RULE))
    return list(stored) if rule.binary and stored else [rule.sentence]


def _fault_notes(file: Path, faults: Sequence[Fault]) -> list[str]:
    """Return a note on rows that are left out."""
    if not faults:
        return []
    # notes go into metrics.json, which names no folder
    first = faults[0].reason.replace(str(file), file.name)
    return [f"{len(faults)} row(s) of {file.name} are left out, the first since {first}"]


def _patient_notes(file: Path, columns: Columns, *, rows: Sequence[Row]) -> list[str]:
    """Return a note on rows without a patient."""
    column = columns["patient_id"]
    blank = [row for row in rows if not (isinstance(column, str) and row.text(column))]
    if not blank:
        return []
    uids = [name for name in (columns["study_uid"], columns["series_uid"]) if name]
    replacement = f"its {uids[0]}" if uids else "each row"
    return [
        f"{len(blank)} row(s) of {file.name} name no patient: {replacement} counts as one; fill in "
        f"{column or 'a column patient_id'} if patients have several scans"
    ]


def _resolve_patients(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Replace a series UID in the place of a patient, as in LUNA16, by the patient.

    If another table names the patient of the series, its samples are that patient's.
    """
    patient_of = {
        sample.series_uid: sample.patient_id
        for sample in samples
        if sample.series_uid and sample.patient_id != sample.series_uid
    }
    resolved = [
        replace(sample, patient_id=patient_of[sample.series_uid])
        if sample.patient_id == sample.series_uid and sample.series_uid in patient_of
        else sample
        for sample in samples
    ]
    changed = sum(a is not b for a, b in zip(samples, resolved, strict=True))
    if not changed:
        return list(samples), []
    return resolved, [f"{changed} sample(s) of an unnamed patient take that of the same series"]
