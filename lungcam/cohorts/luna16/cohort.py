"""LUNA16 as a cohort."""

from pathlib import Path

from lungcam.cohorts.lidc import LabelRule, read_readings
from lungcam.cohorts.luna16.folder import LunaFolder, read_folder
from lungcam.cohorts.luna16.labels import (
    CANDIDATE_SENTENCE,
    PRESENCE_SENTENCE,
    candidate_samples,
    malignant_nodule_samples,
    malignant_scan_samples,
    presence_samples,
)
from lungcam.cohorts.luna16.nodules import with_nodules
from lungcam.cohorts.luna16.tables import (
    NO_EXCLUDED,
    Points,
    read_annotations,
    read_candidates,
    read_excluded,
)
from lungcam.cohorts.sample import Cohort
from lungcam.cohorts.settings import as_choice, as_integer, as_path
from lungcam.errors import InputError

# units that each rule can label
UNITS = {"scan": ("scan",), "candidate": ("nodule",), "malignancy": ("nodule", "scan")}
NO_PATIENTS = (
    "LUNA16 names no patient: the series UID is used instead. LIDC-IDRI has 1,018 series of 1,010 "
    "patients, so two scans of one person may count as two patients."
)
PART_OF_LIDC = "LUNA16 is a part of LIDC-IDRI: never train on one and test on the other."


def luna16_cohort(
    root: str | Path,
    unit: str = "nodule",
    *,
    rule: str | None = None,
    xml: str | Path | None = None,
    statistic: str = "mean",
    benign_below: float = 3.0,
    malignant_above: float = 3.0,
    least_readers: int = 1,
    negatives: int | None = 10,
    seed: int = 0,
) -> Cohort:
    """List the samples of a copy of LUNA16, with the subsets as folds.

    Setio et al. 2017, doi:10.1016/j.media.2017.06.015. Only headers are read, no voxels.

    Args:
        root: Folder with subset0 to subset9, or some of them, at any depth; the tables are below
            it or next to it.
        unit: A sample is a `nodule` or a `scan`.
        rule: `scan` (for scans): an annotated nodule is present. `candidate` (for nodules): the
            class in candidates_V2.csv. `malignancy` (for both): by LIDC-IDRI's readers. None for
            malignancy if `xml` is given, else scan or candidate by the unit.
        xml: LIDC-IDRI's XML files, in a folder or an archive; see `lidc.read_readings`.
        statistic: Statistic of the malignancy ratings: `mean` or `median` of the readers.
        benign_below: Malignancy below which a nodule is benign.
        malignant_above: Malignancy above which it is malignant.
        least_readers: Number of readers below which a nodule has no malignancy.
        negatives: Candidates of class 0 for each of class 1; None for all.
        seed: Seed of their draw.

    Returns:
        Samples in the order of folds, scans and tables.

    Raises:
        InputError: A folder, table or scan is missing, or a setting is out of range.
    """
    source = None if xml is None else as_path("xml", xml)
    rule = _rule(unit, rule, xml=source)
    if negatives is not None:
        as_integer("negatives", negatives, least=1, alternative=", or to null")
    as_integer("seed", seed, least=0)
    label_rule = LabelRule(
        statistic=statistic,
        benign_below=benign_below,
        malignant_above=malignant_above,
        least_readers=least_readers,
    )
    folder = read_folder(as_path("root", root))
    annotations = read_annotations(folder)
    excluded = read_excluded(folder)
    if rule == "scan":
        cohort = Cohort(presence_samples(folder, annotations), PRESENCE_SENTENCE)
    elif rule == "candidate":
        cohort = _candidates(folder, annotations, excluded=excluded, negatives=negatives, seed=seed)
    else:
        cohort = _malignancy(folder, annotations, source=source, unit=unit, rule=label_rule)
    samples = with_nodules(
        cohort.samples, annotations, excluded=excluded, counts=rule != "malignancy"
    )
    notes = [*folder.notes, *annotations.notes, *_missing_scans(folder, annotations)]
    notes += [*cohort.notes, NO_PATIENTS, PART_OF_LIDC]
    return Cohort(samples, f"LUNA16, {cohort.label_rule}", notes, name="LUNA16")


def _rule(unit: str, rule: str | None, *, xml: Path | None) -> str:
    """Return the name of the rule; refuse settings that contradict each other."""
    if rule is None:
        rule = "malignancy" if xml is not None else "scan" if unit == "scan" else "candidate"
    as_choice("unit", unit, choices=("nodule", "scan"))
    if unit not in UNITS[as_choice("rule", rule, choices=tuple(UNITS))]:
        raise InputError(
            f"data.rule is {rule}, which is not for the unit {unit}; set data.unit to "
            f"{UNITS[rule][0]}, or data.rule to null."
        )
    if rule == "malignancy" and xml is None:
        raise InputError(
            "LUNA16 has no malignancy of its own; set data.xml to the folder or archive of "
            "LIDC-IDRI's XML files."
        )
    return rule


def _candidates(
    folder: LunaFolder,
    annotations: Points,
    *,
    excluded: Points | None,
    negatives: int | None,
    seed: int,
) -> Cohort:
    """Label the candidates by their class."""
    candidates, table_notes = read_candidates(folder)
    samples, counts = candidate_samples(
        folder,
        candidates,
        annotations=annotations,
        excluded=excluded,
        negatives=negatives,
        seed=seed,
    )
    excluded_notes = [NO_EXCLUDED] if excluded is None else excluded.notes
    sentence = CANDIDATE_SENTENCE.format(table=candidates.name)
    return Cohort(samples, sentence, [*table_notes, *excluded_notes, *counts])


def _malignancy(
    folder: LunaFolder, annotations: Points, *, source: Path, unit: str, rule: LabelRule
) -> Cohort:
    """Label the nodules or scans by the readers of LIDC-IDRI."""
    readings = read_readings(source)
    make_samples = malignant_scan_samples if unit == "scan" else malignant_nodule_samples
    samples, counts = make_samples(folder, annotations, readings=readings.readings, rule=rule)
    if not samples:
        raise InputError(
            f"{folder.root}: none of the {len(folder.scans)} scan(s) there has an annotated "
            "nodule; add more of LUNA16's subsets."
        )
    sentence = rule.scan_sentence if unit == "scan" else rule.sentence
    return Cohort(samples, sentence, [*readings.notes, *counts])


def _missing_scans(folder: LunaFolder, annotations: Points) -> list[str]:
    """Return a note on annotated scans that are not in the folder."""
    missing = [uid for uid in annotations.by_series if uid not in folder.scans]
    if not missing:
        return []
    rows = sum(len(annotations.of(uid)) for uid in missing)
    return [
        f"{rows} of {len(annotations.uids)} annotations are of {len(missing)} scan(s) that are not "
        "here, and are left out."
    ]
