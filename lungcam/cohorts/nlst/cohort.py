"""NLST as a cohort."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.dicom_index import read_catalogue
from lungcam.cohorts.nlst.exam import Exam, choose_series
from lungcam.cohorts.nlst.features import (
    NODULE_COLUMNS,
    find_features,
    nodule_diameter,
    read_features,
    refuse_outcomes,
)
from lungcam.cohorts.nlst.labels import COLUMNS, RULES, Label, times
from lungcam.cohorts.nlst.nodules import nodules_near, read_nodules, with_annotated
from lungcam.cohorts.nlst.tables import (
    Person,
    Table,
    find_tables,
    read_exams,
    read_people,
    require_columns,
    tables_near,
)
from lungcam.cohorts.sample import Cohort, Sample
from lungcam.cohorts.settings import as_choice, as_names, as_path
from lungcam.errors import InputError

# scr_res of an image of too poor quality to be read
INADEQUATE = 10


def nlst_cohort(
    root: str | Path,
    cache: str | Path,
    *,
    tables: str | Path | None = None,
    rule: str = "screen",
    kernels: str | Sequence[str] = (),
    features: str | Sequence[str] = (),
    nodules: str | Path | None = None,
) -> Cohort:
    """List NLST's exams with their labels.

    The public tables lack the arm, confirmed lung cancer, the last screen and the end of follow-up:
    these are derived from other columns, which `label_source` names and the notes count.

    Args:
        root: Folder of the DICOM files, at any depth and under any names.
        cache: Folder for the index of `root`.
        tables: Folder that directly holds the CSV tables: the public nlst_780_prsn, _screen and
            _ctab, the participant file from CDAS, or both, recognised by their columns. None to
            search `root`, the folder above, and a folder `tables` in either.
        rule: `screen`: cancer found by the T0 screen; `risk`: cancer within 6 years of a scan.
        kernels: ConvolutionKernel by preference, if an exam has several reconstructions.
        features: Numeric columns of the prsn, screen or ctab table (there, of the largest nodule).
        nodules: CSV of nodules in LUNA16's format (seriesuid, coordX, coordY, coordZ in LPS mm,
            diameter_mm), matched to the chosen series; None to search for annotations.csv in `root`
            and in the folder of the tables.

    Returns:
        A sample for each exam of the rule: one series, its label or None, `diameter_mm` of the
        largest nodule, and `time_days` and `event` if they are known; if `nodules` has some of its
        series, all of them, with centre and diameter of the largest.

    Raises:
        InputError: A setting is wrong, a folder, table or column is missing, or no exam is left.
    """
    root, cache = as_path("root", root), as_path("cache", cache)
    label_rule = RULES[as_choice("rule", rule, choices=tuple(RULES))]
    kernels, features = as_names("kernels", kernels), as_names("features", features)
    folder = tables_near(root, label_rule.columns) if tables is None else as_path("tables", tables)
    nodules = nodules_near(root, folder) if nodules is None else as_path("nodules", nodules)
    annotated = None if nodules is None else read_nodules(nodules)
    refuse_outcomes(features)
    files, notes = find_tables(folder)
    participants = [table for table in files if table.kind == "prsn"]
    require_columns(participants, label_rule.columns, reason=f"rule={rule}")
    kinds = find_features(files, features)
    catalogue = read_catalogue(root, cache)
    exams, choices = choose_series(catalogue.series, kernels)
    trial, reading_notes = _read_trial(files, kinds, pids={exam.pid for exam in exams})
    notes += [*catalogue.notes, *choices, *reading_notes]
    samples, tally = _samples(exams, trial, rule=rule)
    notes += tally.sentences()
    if not samples:
        raise InputError(
            f"{root}: no exam is left for rule={rule} with the tables in {folder}; "
            + (" ".join(notes) or "give the folder with NLST's CT images.")
        )
    if annotated:
        samples, nodule_notes = with_annotated(samples, annotated)
        notes += nodule_notes
    return Cohort(samples, label_rule.sentence, notes, name="NLST")


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """Rows of the trial's tables.

    Attributes:
        people: People by participant.
        screens: Rows of the screen table by participant and screening year.
        findings: Rows of the ctab table, likewise.
        kinds: Kind of table by feature.
    """

    people: Mapping[str, Person]
    screens: Mapping[tuple[str, int], list[Row]]
    findings: Mapping[tuple[str, int], list[Row]]
    kinds: Mapping[str, str]


def _read_trial(
    tables: Sequence[Table], kinds: Mapping[str, str], *, pids: set[str]
) -> tuple[_Trial, list[str]]:
    """Read the needed columns of the participants, and notes."""
    by_kind = {
        kind: [table for table in tables if table.kind == kind]
        for kind in ("prsn", "screen", "ctab")
    }
    features = {name.lower() for name in kinds}
    people, notes = read_people(by_kind["prsn"], {*COLUMNS, *features}, pids=pids)
    screens, screen_notes = read_exams(by_kind["screen"], features, pids=pids)
    findings, finding_notes = read_exams(by_kind["ctab"], {*NODULE_COLUMNS, *features}, pids=pids)
    notes += [*screen_notes, *finding_notes]
    if not by_kind["ctab"]:
        notes.append("There is no ctab table: no diameter is known.")
    return _Trial(people=people, screens=screens, findings=findings, kinds=kinds), notes


@dataclass(kw_only=True)
class _Tally:
    """Counts for the notes.

    Attributes:
        left_out: Exams that are left out, by reason.
        labels: Exams by label and branch of the rule.
        derived: Exams by derived column.
        missing: Exams by missing feature.
        bad: Messages on bad values.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    derived: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def count(self, label: Label) -> None:
        """Count a label."""
        name = "dropped" if label.dropped else f"label {label.value}"
        self.labels[name.replace("label None", "no label"), label.why] += 1
        self.derived.update(label.derived)

    def sentences(self) -> list[str]:
        """Return the counts as notes."""
        notes = [f"{n} exam(s) {reason}." for reason, n in sorted(self.left_out.items())]
        notes += [f"{n} exam(s): {name}, {why}." for (name, why), n in sorted(self.labels.items())]
        notes += [f"In {n} exam(s) {clause}." for clause, n in sorted(self.derived.items())]
        notes += [f"Feature {name} in {n} exam(s)." for name, n in sorted(self.missing.items())]
        if self.bad:
            notes.append(
                f"{len(self.bad)} exam(s) with bad values are left out, such as: {self.bad[0]}"
            )
        return notes


def _samples(exams: Sequence[Exam], trial: _Trial, *, rule: str) -> tuple[list[Sample], _Tally]:
    """Return a sample for each exam of the rule, and counts."""
    samples, tally = [], _Tally()
    for exam in exams:
        person = trial.people.get(exam.pid)
        if person is None:
            tally.left_out["are left out: their participant is in no participant table"] += 1
            continue
        if exam.year not in RULES[rule].years:
            tally.left_out[f"of T{exam.year} are left out: rule={rule} does not use them"] += 1
            continue
        key = exam.pid, exam.year
        screen, ctab = trial.screens.get(key, []), trial.findings.get(key, [])
        try:
            label = RULES[rule].label(person, exam.year, in_screen_table=bool(screen))
            tally.count(label)
            if label.dropped:
                continue
            features = read_features(
                trial.kinds, person, screen=screen, ctab=ctab, missing=tally.missing
            )
            was_read = bool(screen or ctab) and person.value(f"scr_res{exam.year}") != INADEQUATE
            sample = _sample(
                exam,
                person,
                source=f"rule {rule}: {label.why} ({label.columns})",
                label=label.value,
                diameter_mm=nodule_diameter(ctab, was_read),
                features=features,
            )
            samples.append(sample)
        except InputError as error:
            tally.bad.append(_without_folder(str(error), [*person.rows, *screen, *ctab]))
    return samples, tally


def _sample(
    exam: Exam,
    person: Person,
    *,
    source: str,
    label: int | None,
    diameter_mm: float | None,
    features: dict[str, float],
) -> Sample:
    """Return the sample of an exam."""
    time = times(person, exam.year)
    days = time.followed if time.to_cancer is None else time.to_cancer
    timed = days is not None and not time.late
    return Sample(
        sample_id=f"{exam.pid}_T{exam.year}",
        patient_id=exam.pid,
        image=exam.series.folder,
        label=label,
        label_source=f"{person.source}; {source}",
        study_uid=exam.series.study_uid or None,
        series_uid=exam.series.series_uid,
        diameter_mm=diameter_mm,
        time_days=days if timed else None,
        event=time.to_cancer is not None if timed else None,
        features=features,
    )


def _without_folder(message: str, rows: Sequence[Row]) -> str:
    """Replace the paths of rows in a message by file names: notes go into the run's files."""
    for row in rows:
        message = message.replace(row.place, row.source)
    return message
