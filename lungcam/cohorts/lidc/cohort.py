"""LIDC-IDRI as a cohort."""

import os
from collections.abc import Sequence
from pathlib import Path

from lungcam.cohorts.dicom_index import Series, read_catalogue
from lungcam.cohorts.lidc.annotation import RATINGS
from lungcam.cohorts.lidc.labels import LabelRule
from lungcam.cohorts.lidc.lesion_cache import SeriesLesions, locate_lesions
from lungcam.cohorts.lidc.readings import ReadingIndex
from lungcam.cohorts.lidc.samples import (
    AnnotatedSeries,
    SampleOptions,
    cohort_notes,
    make_samples,
)
from lungcam.cohorts.sample import Cohort
from lungcam.cohorts.settings import as_choice, as_integer, as_names, as_path
from lungcam.errors import InputError

UNITS = ("nodule", "scan")
FEATURES = ("readers", *(name for name in RATINGS if name != "malignancy"))


def lidc_cohort(
    root: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    *,
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

    Series are found by their UID, whatever the names of folders and files. The first call reads
    the headers of the annotated series and writes a mask for each nodule; later calls take both
    from the cache.

    Args:
        root: Folder with the DICOM files, at any depth.
        cache: Folder for masks and records of the series.
        xml: An .xml file, a folder or a .tar archive of readings; None for those below `root`.
        unit: `nodule`: a sample is a nodule of 3 mm or more, its features the mean or median (by
            `statistic`) of the readers' ratings. `scan`: a sample is a CT series, with centre,
            diameter, mask and features of its most suspicious nodule.
        statistic: See `LabelRule`.
        benign_below: See `LabelRule`.
        malignant_above: See `LabelRule`.
        least_readers: See `LabelRule`.
        features: Names from `FEATURES`: readers' ratings, or `readers`, the number of readers.
        workers: Number of processes; None for the number of processors.

    Returns:
        The samples, sorted by patient, series and position, including those without a label.

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
    names = _feature_names(features)
    if workers is not None:
        as_integer("workers", workers, least=1, alternative=", or to null")
    root, cache = as_path("root", root), as_path("cache", cache)
    source = root if xml is None else as_path("xml", xml)
    series, notes = _ct_series(root, cache, workers=workers)
    index = ReadingIndex(source, cache)
    scans = _locate(series, index, root=root, cache=cache, workers=workers)
    options = SampleOptions(unit=unit, rule=rule, features=names, cache=cache)
    samples = make_samples(scans, options)
    counts = cohort_notes(series, index, scans=scans, samples=samples, options=options)
    if not samples:
        raise InputError(
            f"{root}: no {unit} of its {len(scans)} CT series with a reading can be used; "
            f"{' '.join(counts)}"
        )
    sentence = rule.sentence if unit == "nodule" else rule.scan_sentence
    return Cohort(
        samples, f"LIDC-IDRI, {sentence}", [*notes, *index.notes, *counts], name="LIDC-IDRI"
    )


def _feature_names(features: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the features, after a check that all exist."""
    names = as_names("features", features)
    for name in names:
        if name == "malignancy":
            raise InputError("data.features holds malignancy, which is the label; leave it out.")
        if name not in FEATURES:
            raise InputError(f"data.features holds {name!r}; choose from {', '.join(FEATURES)}.")
    return names


def _ct_series(
    root: Path, cache: Path, *, workers: int | None
) -> tuple[list[Series], Sequence[str]]:
    """Return the CT series below a folder without localizers, and notes."""
    catalogue = read_catalogue(root, cache, workers=workers)
    series = [item for item in catalogue.series if item.modality == "CT" and not item.localizer]
    if not series:
        notes = "".join(f" {note}" for note in catalogue.notes)
        raise InputError(
            f"{root}: there is no DICOM CT series; give the folder of LIDC-IDRI.{notes}"
        )
    return series, catalogue.notes


def _locate(
    series: Sequence[Series], index: ReadingIndex, *, root: Path, cache: Path, workers: int | None
) -> list[AnnotatedSeries]:
    """Return the series that have a reading, with their nodules located."""
    annotated = [item for item in series if item.series_uid in index.summaries]
    if not annotated:
        raise InputError(
            f"{root}: none of its {len(series)} CT series is among the {len(index.summaries)} that "
            f"{index.source} has readings of; give the XML files of these series as xml=."
        )
    marked = [item for item in annotated if index.summaries[item.series_uid].marks]
    digests = [index.summaries[item.series_uid].digest for item in marked]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        located = locate_lesions(
            marked, digests, readings=index.readings, cache=cache, workers=workers
        )
    except OSError as error:
        raise InputError(
            f"{error.filename or cache}: {error.strerror or error}; check its rights and that the "
            "disk has room."
        ) from error
    by_uid = {item.series_uid: lesions for item, lesions in zip(marked, located, strict=True)}
    return [
        AnnotatedSeries(
            item, index.summaries[item.series_uid], by_uid.get(item.series_uid, SeriesLesions([]))
        )
        for item in annotated
    ]
