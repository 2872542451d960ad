"""LUNA16 as a cohort."""

from pathlib import Path

from lungcam.cohorts.lidc import LabelRule, read_readings
from lungcam.cohorts.luna16.folder import LunaFolder, look_through
from lungcam.cohorts.luna16.labels import (
    CANDIDATE_SENTENCE,
    PRESENCE_SENTENCE,
    candidate_samples,
    nodule_samples,
    presence_samples,
    scan_samples,
)
from lungcam.cohorts.luna16.nodules import with_nodules
from lungcam.cohorts.luna16.tables import Points, candidates, excluded_findings, nodules
from lungcam.cohorts.sample import Cohort
from lungcam.cohorts.settings import as_choice, as_integer, as_path
from lungcam.errors import InputError

UNITS = {"scan": ("scan",), "candidate": ("nodule",), "malignancy": ("nodule", "scan")}
NO_PATIENTS = (
    "LUNA16 names no patient: the series UID stands in. LIDC-IDRI has 1,018 series of 1,010 "
    "patients, so two scans of one person may be taken for two persons'."
)
PART_OF_LIDC = "LUNA16 is a part of LIDC-IDRI: never train on one and test on the other."


def luna16_cohort(
    root: str | Path,
    unit: str = "nodule",
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
        root: Folder with subset0 to subset9, or some of them, at any depth; the tables lie below or
            beside it.
        unit: A sample is a `nodule` or a `scan`.
        rule: `scan` (of scans): an annotated nodule is present. `candidate` (of nodules): the class
            in candidates_V2.csv. `malignancy` (of either): by LIDC-IDRI's readers. None for
            malignancy if there is `xml`, else scan or candidate by the unit.
        xml: LIDC-IDRI's XML files, in a folder or an archive; see `lidc.read_readings`.
        statistic: Malignancy: `mean` or `median` of the readers.
        benign_below: Malignancy below which a nodule is benign.
        malignant_above: Malignancy above which it is malignant.
        least_readers: A nodule marked by fewer has no malignancy.
        negatives: Candidates of class 0 for each of class 1; None for all.
        seed: Of their draw.

    Returns:
        Samples in the order of folds, scans and tables.

    Raises:
        InputError: A folder, table or scan is missing, or a setting is out of range.
    """
    source = None if xml is None else as_path("xml", xml)
    if rule is None:
        rule = "malignancy" if xml is not None else "scan" if unit == "scan" else "candidate"
    _check(unit, rule, xml=source, negatives=negatives, seed=seed)
    labels = LabelRule(
        statistic=statistic,
        benign_below=benign_below,
        malignant_above=malignant_above,
        least_readers=least_readers,
    )
    folder = look_through(as_path("root", root))
    annotations = nodules(folder)
    notes = [*folder.notes, *annotations.notes, *_absent(folder, annotations)]
    excluded, told_of_excluded = excluded_findings(folder)
    if rule == "scan":
        samples, sentence = presence_samples(folder, annotations), PRESENCE_SENTENCE
    elif rule == "candidate":
        table, told = candidates(folder)
        samples, left_out = candidate_samples(
            folder,
            table,
            annotations=annotations,
            excluded=excluded,
            negatives=negatives,
            seed=seed,
        )
        notes += [*told, *told_of_excluded, *left_out]
        sentence = CANDIDATE_SENTENCE.format(table=table.name)
    else:
        assert source is not None
        readings = read_readings(source)
        make = scan_samples if unit == "scan" else nodule_samples
        samples, left_out = make(folder, annotations, readings.readings, labels)
        notes += [*readings.notes, *left_out]
        sentence = labels.scan_sentence if unit == "scan" else labels.sentence
    if not samples:
        raise InputError(
            f"{root}: none of the {len(folder.scans)} scan(s) there has an annotated nodule; add "
            "more of LUNA16's subsets."
        )
    samples = with_nodules(samples, annotations, excluded=excluded, counts=rule != "malignancy")
    return Cohort(samples, f"LUNA16, {sentence}", [*notes, NO_PATIENTS, PART_OF_LIDC])


def _check(unit: str, rule: str, *, xml: Path | None, negatives: int | None, seed: int) -> None:
    """Refuse settings that contradict each other."""
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
    if negatives is not None:
        as_integer("negatives", negatives, least=1, alternative=", or to null")
    as_integer("seed", seed, least=0)


def _absent(folder: LunaFolder, annotations: Points) -> list[str]:
    """Tell of annotated scans that are not here."""
    gone = [uid for uid in annotations.by_series if uid not in folder.scans]
    if not gone:
        return []
    rows = sum(len(annotations.of(uid)) for uid in gone)
    return [
        f"{rows} of {len(annotations.uids)} annotations are of {len(gone)} scan(s) that are not "
        "here, and are left out."
    ]
