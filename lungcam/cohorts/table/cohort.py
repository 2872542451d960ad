"""A table of the user as a cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.cohorts.identifiers import NOBODY, identifier, lookalike_note
from lungcam.cohorts.nlst import refuse_outcomes
from lungcam.cohorts.sample import Cohort, Quantity, Sample
from lungcam.cohorts.settings import as_names
from lungcam.cohorts.table.classes import ClassSetting, ClassValues, choose_rule
from lungcam.cohorts.table.columns import Columns, choose_columns
from lungcam.cohorts.table.labels import LabelValues, ValueSetting
from lungcam.cohorts.table.samples import RULE, Fault, SampleRows
from lungcam.cohorts.table.write import COLUMNS, OPTIONAL
from lungcam.config.suggestions import did_you_mean
from lungcam.errors import InputError

ColumnSettings = Mapping[str, str | Sequence[str] | None]


def table_cohort(
    table: str | Sequence[str],
    columns: ColumnSettings,
    *,
    coordinates: str = "LPS",
    negative: ValueSetting = None,
    positive: ValueSetting = None,
    classes: ClassSetting = None,
    unit: str | None = None,
    features: str | Sequence[str] = (),
    tilt: str = "straighten",
) -> Cohort:
    """Read one or several tables to train on.

    Args:
        table: CSV file, or several, which form one cohort.
        columns: The table's columns by field; see `choose_columns`.
        coordinates: Coordinate system of the centre: LPS, as in LUNA16 and DICOM, or RAS.
        negative: Values of the label's column that mean 0; see `LabelValues`.
        positive: Values that mean 1.
        classes: Several classes in place of these two labels; see `ClassValues.choose`.
        unit: Unit of the column of numbers, for `task=number`; None if it has none.
        features: Columns of numbers to keep, each a separate baseline.
        tilt: `straighten` or `refuse` the slices of a tilted gantry.

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
        classes=classes,
        features=features,
        tilt=tilt,
    )
    for file in files:
        reader.read(file)
    rules = list(dict.fromkeys(reader.rules))
    notes = reader.notes
    if len(rules) > 1:
        notes.append(f"Labels follow {len(rules)} rules; metrics over all samples mix them.")
    for number, name in enumerate(reader.names_of_classes):
        if not any(sample.label == number for sample in reader.samples):
            raise InputError(f"data.classes: no row is of class {name}; correct it.")
    samples, renamed = _resolve_patients(reader.samples)
    notes += lookalike_note((sample.patient_id for sample in samples), "patients")
    notes += lookalike_note((s.series_uid for s in samples if s.series_uid), "series")
    return Cohort(
        samples,
        "; and: ".join(rules),
        [*notes, *renamed],
        classes=reader.names_of_classes,
        quantity=Quantity(reader.number, unit or "") if reader.number else None,
    )


def read_samples(
    file: Path,
    columns: ColumnSettings,
    *,
    coordinates: str = "LPS",
    negative: ValueSetting = None,
    positive: ValueSetting = None,
    classes: ClassSetting = None,
    tilt: str = "straighten",
) -> tuple[list[Sample], list[Fault]]:
    """Read a table that a trained net is applied to; only the column `image` is required.

    Args:
        file: The table.
        columns: As in training.
        coordinates: As in training.
        negative: As in training.
        positive: As in training.
        classes: As in training.
        tilt: As in training.

    Returns:
        A sample for each valid row, and the faults of the others.

    Raises:
        InputError: The table is wrong, or no row is valid; the message names it.
    """
    rows = read_rows(file, lenient=True)
    chosen = choose_columns(file, list(rows[0].values), columns=columns, lenient=True)
    label = chosen["label"]
    rule = None
    if isinstance(label, str):
        rule = choose_rule(label, negative, positive=positive, classes=classes)
    sample_rows = SampleRows(columns=chosen, coordinates=coordinates, rule=rule, tilt=tilt)
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
    classes: ClassSetting
    features: Sequence[str]
    tilt: str
    number: str | None = None
    names_of_classes: tuple[str, ...] = ()
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
        if label is None and chosen["number"] is None:
            raise InputError(
                f"{file}: there is no column `label`; add one, or name yours by data.columns.label."
                f"{did_you_mean('label', list(rows[0].values))}"
            )
        self.number = chosen["number"]
        reserved = [
            name for name in self.features if name in (*COLUMNS, *OPTIONAL, label, self.number)
        ]
        if reserved:
            raise InputError(
                f"data.features: {reserved[0]} is read already; take it out of the list."
            )
        rule = None
        if label is not None:
            rule = choose_rule(label, self.negative, positive=self.positive, classes=self.classes)
        if isinstance(rule, LabelValues):
            rule.check_scale(rows)
        elif rule is not None:
            self.names_of_classes = rule.names
        sample_rows = SampleRows(
            columns=chosen,
            coordinates=self.coordinates,
            rule=rule,
            features=self.features,
            tilt=self.tilt,
        )
        samples, faults = sample_rows.read(rows, self.names)
        if not samples:
            raise InputError(faults[0].reason)
        self.samples += samples
        self.rules += _rules(rows, rule)
        self.notes += [
            *_fault_notes(file, faults),
            *_patient_notes(file, chosen, rows=rows),
            *(f"{file.name}: {note}" for note in (rule.unmatched(rows) if rule else ())),
        ]


def _rules(rows: Sequence[Row], rule: LabelValues | ClassValues | None) -> list[str]:
    """Return the label rules; a table of `write_samples` holds its own."""
    if rule is None:
        return ["no label"]
    stored = dict.fromkeys(row.text(RULE) for row in rows if row.text(RULE))
    copied = isinstance(rule, LabelValues) and rule.binary and stored
    return list(stored) if copied else [rule.sentence]


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
    blank = [
        row
        for row in rows
        if not (isinstance(column, str) and identifier(row.text(column), nobody=NOBODY))
    ]
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
