"""LIDC-IDRI as a cohort."""

import os
from collections.abc import Sequence
from pathlib import Path

from lungcam.cohorts.dicom_index import Series, read_catalogue
from lungcam.cohorts.lidc.annotation import RATINGS
from lungcam.cohorts.lidc.labels import LabelRule
from lungcam.cohorts.lidc.lesion import Outlined, outline_all
from lungcam.cohorts.lidc.samples import Read, nodule_samples, scan_sample, scan_sentence, tell
from lungcam.cohorts.lidc.xml import Mentions
from lungcam.cohorts.sample import Cohort, Sample
from lungcam.cohorts.settings import as_choice, as_integer, as_names, as_path
from lungcam.errors import InputError

UNITS = ("nodule", "scan")
FEATURES = ("readers", *(name for name in RATINGS if name != "malignancy"))


def lidc_cohort(
    root: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    xml: str | os.PathLike[str] | None = None,
    unit: str = "nodule",
    statistic: str = "mean",
    benign_below: float = 3.0,
    malignant_above: float = 3.0,
    least_readers: int = 1,
    features: str | Sequence[str] = (),
    workers: int | None = None,
) -> Cohort:
    """List the nodules or the scans of LIDC-IDRI that have a reading.

    Series are found by their UID, whatever folders and files are called. The first start reads the
    headers of the annotated series and writes a mask for each nodule; a second one takes both from
    the cache.

    Args:
        root: Folder with the DICOM files, at any depth.
        cache: Folder for masks and for what is known of each series.
        xml: An .xml file, a folder or a .tar archive of readings; None for those below `root`.
        unit: `nodule`: a sample is a nodule of 3 mm or more, its features the mean or median (by
            `statistic`) of the readers' ratings. `scan`: a sample is a CT series, with centre,
            diameter, mask and features of its most suspicious nodule.
        statistic: See `LabelRule`.
        benign_below: See `LabelRule`.
        malignant_above: See `LabelRule`.
        least_readers: See `LabelRule`.
        features: Of `FEATURES`: readers' ratings by name, or `readers`, how many marked it.
        workers: Processes; None for as many as there are processors.

    Returns:
        The samples, sorted by patient, series and place; those without a label among them.

    Raises:
        InputError: A setting is wrong, or there is no series with a reading.
    """
    rule = LabelRule(
        statistic=statistic,
        benign_below=benign_below,
        malignant_above=malignant_above,
        least_readers=least_readers,
    )
    as_choice("unit", unit, choices=UNITS)
    names = _features(features)
    if workers is not None:
        as_integer("workers", workers, least=1, alternative=", or to null")
    root, cache = as_path("root", root), as_path("cache", cache)
    source = root if xml is None else as_path("xml", xml)
    found = read_catalogue(root, cache, workers=workers)
    series = [one for one in found.series if one.modality == "CT" and not one.localizer]
    if not series:
        told = "".join(f" {note}" for note in found.notes)
        raise InputError(
            f"{root}: there is no DICOM CT series; give the folder of LIDC-IDRI.{told}"
        )
    mentions = Mentions(source, cache)
    with_reading = [one for one in series if one.series_uid in mentions.short]
    if not with_reading:
        raise InputError(
            f"{root}: none of its {len(series)} CT series is among the {len(mentions.short)} that "
            f"{mentions.source} has readings of; give the XML files of these series as xml=."
        )
    read = _outline(with_reading, mentions, cache=cache, workers=workers)
    samples = _samples(read, rule, unit=unit, features=names, cache=cache)
    if not samples:
        raise InputError(
            f"{root}: no {unit} of its {len(with_reading)} CT series with a reading can be used; "
            f"{' '.join(tell(series, mentions, read=read, samples=samples, rule=rule, unit=unit))}"
        )
    notes = [
        *found.notes,
        *mentions.notes,
        *tell(series, mentions, read=read, samples=samples, rule=rule, unit=unit),
    ]
    sentence = rule.sentence if unit == "nodule" else scan_sentence(rule)
    return Cohort(samples, f"LIDC-IDRI, {sentence}", notes)


def _features(features: str | Sequence[str]) -> tuple[str, ...]:
    """The features' names, all of them possible."""
    names = as_names("features", features)
    for name in names:
        if name == "malignancy":
            raise InputError("data.features holds malignancy, which is the label; leave it out.")
        if name not in FEATURES:
            raise InputError(f"data.features holds {name!r}; choose from {', '.join(FEATURES)}.")
    return names


def _outline(
    series: Sequence[Series], mentions: Mentions, *, cache: Path, workers: int | None
) -> list[Read]:
    """Draw the nodules of those series that have marks."""
    marked = [one for one in series if mentions.short[one.series_uid].marks]
    digests = [mentions.short[one.series_uid].digest for one in marked]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        drawn = outline_all(marked, digests, readings=mentions.full, cache=cache, workers=workers)
    except OSError as error:
        raise InputError(
            f"{error.filename or cache}: {error.strerror or error}; check its rights and that the "
            "disk has room."
        ) from error
    outlined = {one.series_uid: it for one, it in zip(marked, drawn, strict=True)}
    return [
        Read(one, mentions.short[one.series_uid], outlined.get(one.series_uid, Outlined([])))
        for one in series
    ]


def _samples(
    read: Sequence[Read], rule: LabelRule, *, unit: str, features: Sequence[str], cache: Path
) -> list[Sample]:
    """Samples of the series without a fault."""
    by_patient: dict[str, list[Read]] = {}
    for one in read:
        by_patient.setdefault(one.series.patient_id, []).append(one)
    samples = []
    for patient, scans in by_patient.items():
        # of the patients, 8 have two series
        tails = [one.series.series_uid[-6:] for one in scans]
        if len(set(tails)) < len(tails):
            tails = [one.series.series_uid for one in scans]
        for one, tail in zip(scans, tails, strict=True):
            name = patient if len(scans) == 1 else f"{patient}-{tail}"
            if one.outlined.fault:
                continue
            if unit == "scan":
                samples.append(scan_sample(name, one, rule=rule, features=features, cache=cache))
            else:
                samples += nodule_samples(name, one, rule=rule, features=features, cache=cache)
    return samples
