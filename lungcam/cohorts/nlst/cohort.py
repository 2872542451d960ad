"""NLST as a table of samples."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lungcam.cohorts.csv_rows import Row
from lungcam.cohorts.dicom_index import read_catalogue
from lungcam.cohorts.nlst.exam import Exam, choose_series
from lungcam.cohorts.nlst.features import (
    NODULE_COLUMNS,
    diameter,
    find_features,
    read_features,
    refuse_outcomes,
)
from lungcam.cohorts.nlst.labels import COLUMNS, RULES, Label, times
from lungcam.cohorts.nlst.nodules import nodules_near, read_nodules, with_annotated
from lungcam.cohorts.nlst.tables import (
    Person,
    find_tables,
    need,
    read_exams,
    read_people,
    tables_near,
)
from lungcam.cohorts.sample import Cohort, Sample
from lungcam.cohorts.settings import as_choice, as_names, as_path
from lungcam.errors import InputError

# scr_res of an image too poor to be read
INADEQUATE = 10


def nlst_cohort(
    root: str | Path,
    cache: str | Path,
    tables: str | Path | None = None,
    rule: str = "screen",
    kernels: str | Sequence[str] = (),
    features: str | Sequence[str] = (),
    nodules: str | Path | None = None,
) -> Cohort:
    """List NLST's exams with their labels.

    The public tables lack the arm, confirmed lung cancer, the last screen and the end of follow-up:
    what stands in for them is told in `label_source` and counted in the notes.

    Args:
        root: Folder of the DICOM files, at any depth and under any names.
        cache: Folder for the index of `root`.
        tables: Folder that directly holds the CSV tables: the public nlst_780_prsn, _screen and
            _ctab, the participant file from CDAS, or both; known by their columns. None to look in
            `root`, beside it, and in a folder `tables` there.
        rule: `screen`: cancer found by the T0 screen; `risk`: cancer within 6 years of a scan.
        kernels: ConvolutionKernel by preference, where an exam has several reconstructions.
        features: Numeric columns of the prsn, screen or ctab table (there, of the largest nodule).
        nodules: CSV of nodules in LUNA16's format (seriesuid, coordX, coordY, coordZ in LPS mm,
            diameter_mm), known by the series that was chosen; None to look for annotations.csv in
            `root` and beside the tables.

    Returns:
        A sample for each exam that the rule speaks of: one series, its label or None,
        `diameter_mm` of the largest nodule, and `time_days` and `event` where they are known; where
        `nodules` has some of its series, all of them, and centre and diameter of the largest.

    Raises:
        InputError: A setting is wrong, a folder, table or column is missing, or no exam is left.
    """
    root, cache = as_path("root", root), as_path("cache", cache)
    law = RULES[as_choice("rule", rule, choices=tuple(RULES))]
    kernels, features = as_names("kernels", kernels), as_names("features", features)
    tables = tables_near(root, law.columns) if tables is None else as_path("tables", tables)
    nodules = nodules_near(root, tables) if nodules is None else as_path("nodules", nodules)
    annotated = None if nodules is None else read_nodules(nodules)
    refuse_outcomes(features)
    found, notes = find_tables(tables)
    of = {kind: [one for one in found if one.kind == kind] for kind in ("prsn", "screen", "ctab")}
    need(of["prsn"], law.columns, why=f"rule={rule}")
    kinds = find_features(found, features)
    known = read_catalogue(root, cache)
    exams, chosen = choose_series(known.series, kernels)
    notes += [*known.notes, *chosen]
    pids = {exam.pid for exam in exams}
    wanted = {name.lower() for name in features}
    people, told = read_people(of["prsn"], {*COLUMNS, *wanted}, pids=pids)
    screens, told_screens = read_exams(of["screen"], wanted, pids=pids)
    findings, told_findings = read_exams(of["ctab"], {*NODULE_COLUMNS, *wanted}, pids=pids)
    notes += [*told, *told_screens, *told_findings]
    if not of["ctab"]:
        notes.append("There is no ctab table: no diameter is known.")
    samples, tally = [], Tally()
    for exam in exams:
        person = people.get(exam.pid)
        if person is None:
            tally.left_out["whose participant stands in no participant table"] += 1
        elif exam.year not in law.years:
            tally.left_out[f"of T{exam.year}, of which rule={rule} does not speak"] += 1
        else:
            key = exam.pid, exam.year
            screen, ctab = screens.get(key, []), findings.get(key, [])
            try:
                label = law.label(person, exam.year, bool(screen))
                tally.count(label)
                if label.dropped:
                    continue
                values = read_features(
                    kinds, person, screen=screen, ctab=ctab, missing=tally.missing
                )
                samples.append(
                    _sample(
                        exam,
                        person,
                        label=label,
                        rule=rule,
                        screen=screen,
                        ctab=ctab,
                        features=values,
                    )
                )
            except InputError as error:
                tally.bad.append(_without_folder(str(error), [*person.rows, *screen, *ctab]))
    notes += tally.sentences()
    if not samples:
        raise InputError(
            f"{root}: no exam is left for rule={rule} with the tables in {tables}; "
            + (" ".join(notes) or "give the folder with NLST's CT images.")
        )
    if annotated:
        samples, told = with_annotated(samples, annotated)
        notes += told
    return Cohort(samples, law.sentence, notes)


def _sample(
    exam: Exam,
    person: Person,
    *,
    label: Label,
    rule: str,
    screen: Sequence[Row],
    ctab: Sequence[Row],
    features: dict[str, float],
) -> Sample:
    """The cohort's row for one exam."""
    read = bool(screen or ctab) and person.value(f"scr_res{exam.year}") != INADEQUATE
    time = times(person, exam.year)
    days = time.followed if time.to_cancer is None else time.to_cancer
    timed = days is not None and not time.late
    return Sample(
        sample_id=f"{exam.pid}_T{exam.year}",
        patient_id=exam.pid,
        image=exam.series.folder,
        label=label.value,
        label_source=f"{person.source}; rule {rule}: {label.why} ({label.told})",
        study_uid=exam.series.study_uid or None,
        series_uid=exam.series.series_uid,
        diameter_mm=diameter(ctab, read),
        time_days=days if timed else None,
        event=time.to_cancer is not None if timed else None,
        features=features,
    )


def _without_folder(told: str, rows: Sequence[Row]) -> str:
    """A fault in one of these rows, with its file's name alone: notes go into the run's files."""
    for row in rows:
        told = told.replace(row.place, row.source)
    return told


class Tally:
    """What the notes count."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()
        self.labels: Counter[tuple[str, str]] = Counter()
        self.stand_ins: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.bad: list[str] = []

    def count(self, label: Label) -> None:
        """Count one label."""
        what = "dropped" if label.dropped else f"label {label.value}"
        self.labels[what.replace("label None", "no label"), label.why] += 1
        self.stand_ins.update(label.stand_ins)

    def sentences(self) -> list[str]:
        """For the cohort's notes."""
        told = [f"{n} exam(s) {what} are left out." for what, n in sorted(self.left_out.items())]
        told += [f"{n} exam(s): {what}, {why}." for (what, why), n in sorted(self.labels.items())]
        told += [
            f"In {n} exam(s) a stand-in is used for {x}." for x, n in sorted(self.stand_ins.items())
        ]
        told += [f"Feature {name} in {n} exam(s)." for name, n in sorted(self.missing.items())]
        if self.bad:
            told.append(
                f"{len(self.bad)} exam(s) with bad values are left out, such as: {self.bad[0]}"
            )
        return told
