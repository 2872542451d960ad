"""Samples of annotated series, and the notes on what was left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.cohorts.dicom_index import Series
from lungcam.cohorts.lidc.labels import LabelRule
from lungcam.cohorts.lidc.lesion import Lesion
from lungcam.cohorts.lidc.lesion_cache import SeriesLesions
from lungcam.cohorts.lidc.readings import NAMED, ReadingIndex, ReadingSummary
from lungcam.cohorts.sample import Sample


@dataclass(frozen=True, eq=False)
class AnnotatedSeries:
    """A CT series with its reading and the lesions in it."""

    series: Series
    reading: ReadingSummary
    located: SeriesLesions

    @property
    def lesions(self) -> list[Lesion]:
        """Lesions of the series."""
        return self.located.lesions


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Settings shared by all samples.

    Attributes:
        unit: `nodule` or `scan`.
        rule: Label rule.
        features: Names of the ratings to add, or `readers`.
        cache: Folder of the masks.
    """

    unit: str
    rule: LabelRule
    features: Sequence[str]
    cache: Path


def make_samples(scans: Sequence[AnnotatedSeries], options: SampleOptions) -> list[Sample]:
    """Return the samples of all series without a fault, patient by patient."""
    by_patient: dict[str, list[AnnotatedSeries]] = {}
    for scan in scans:
        by_patient.setdefault(scan.series.patient_id, []).append(scan)
    samples = []
    for patient, group in by_patient.items():
        # 8 of the patients have two series
        suffixes = [scan.series.series_uid[-6:] for scan in group]
        if len(set(suffixes)) < len(suffixes):
            suffixes = [scan.series.series_uid for scan in group]
        for scan, suffix in zip(group, suffixes, strict=True):
            if scan.located.fault:
                continue
            name = patient if len(group) == 1 else f"{patient}-{suffix}"
            if options.unit == "scan":
                samples.append(_scan_sample(name, scan, options=options))
            else:
                samples += _nodule_samples(name, scan, options=options)
    return samples


def _nodule_samples(name: str, scan: AnnotatedSeries, *, options: SampleOptions) -> list[Sample]:
    """Return a sample for each nodule inside the scan, numbered in the order of all nodules."""
    rule = options.rule
    return [
        _sample(
            f"{name}_{number}",
            scan,
            lesion=lesion,
            label=rule.label(lesion.nodule),
            source=(
                f"{scan.reading.file_name}, nodule {number}: {_ratings(lesion, rule)}; "
                f"{rule.sentence}"
            ),
            options=options,
        )
        for number, lesion in enumerate(scan.lesions, 1)
        if lesion.center_mm is not None
    ]


def _scan_sample(name: str, scan: AnnotatedSeries, *, options: SampleOptions) -> Sample:
    """Return a sample of the series, with place and features of its most suspicious nodule.

    Nodules with too few readers do not count. If no nodule counts, the diameter is 0 if no reader
    annotated any nodule, else unknown.
    """
    rule = options.rule
    counted = [lesion for lesion in scan.lesions if rule.has_enough_readers(lesion.nodule)]
    labels = [rule.label(lesion.nodule) for lesion in counted]
    lesion = max(
        counted,
        key=lambda lesion: (rule.rating(lesion.nodule), lesion.diameter_mm or 0.0),
        default=None,
    )
    if lesion is not None:
        finding = f"most suspicious of {len(counted)} nodule(s): {_ratings(lesion, rule)}"
    elif scan.lesions:
        finding = f"{len(scan.lesions)} nodule(s), none by {rule.least_readers} readers"
    else:
        finding = "no nodule of 3 mm or more"
    return _sample(
        name,
        scan,
        lesion=lesion,
        label=1 if 1 in labels else None if None in labels else 0,
        source=f"{scan.reading.file_name}: {finding}; {rule.scan_sentence}",
        options=options,
    )


def _sample(
    name: str,
    scan: AnnotatedSeries,
    *,
    lesion: Lesion | None,
    label: int | None,
    source: str,
    options: SampleOptions,
) -> Sample:
    """Return a sample of a lesion, or of a series without one."""
    return Sample(
        sample_id=name,
        patient_id=scan.series.patient_id,
        image=scan.series.folder,
        label=label,
        label_source=source,
        study_uid=scan.series.study_uid or None,
        series_uid=scan.series.series_uid,
        center_mm=lesion.center_mm if lesion else None,
        diameter_mm=lesion.diameter_mm if lesion else None if scan.lesions else 0.0,
        lesion_mask=options.cache / lesion.mask if lesion and lesion.mask else None,
        lesion_checked=True,
        features=_features(lesion, options) if lesion else {},
    )


def _ratings(lesion: Lesion, rule: LabelRule) -> str:
    """Return such as 'malignancy 5, 5, 4 by reader(s) 1, 2, 4, mean 4.67'."""
    annotations = lesion.nodule.annotations
    ratings = ", ".join(str(annotation.ratings["malignancy"]) for annotation in annotations)
    readers = ", ".join(str(annotation.reader) for annotation in annotations)
    value = rule.rating(lesion.nodule)
    return f"malignancy {ratings} by reader(s) {readers}, {rule.statistic} {value:.3g}"


def _features(lesion: Lesion, options: SampleOptions) -> dict[str, float]:
    values = {}
    for name in options.features:
        if name == "readers":
            values[name] = float(len(lesion.nodule.readers))
        elif any(name in annotation.ratings for annotation in lesion.nodule.annotations):
            values[name] = lesion.nodule.rating(name, options.rule.statistic)
    return values


def cohort_notes(
    series: Sequence[Series],
    index: ReadingIndex,
    *,
    scans: Sequence[AnnotatedSeries],
    samples: Sequence[Sample],
    options: SampleOptions,
) -> list[str]:
    """Return sentences, with counts, on what was left out or replaced.

    Args:
        series: All CT series below the root.
        index: The readings.
        scans: Series with a reading.
        samples: Samples of the scans.
        options: Settings of the samples.
    """
    rule, unit = options.rule, options.unit
    uids = {scan.series.series_uid for scan in scans}
    lesions = [lesion for scan in scans for lesion in scan.lesions]
    matches: Counter[str] = Counter()
    for scan in scans:
        matches.update(scan.located.matches)
    outside = sum(lesion.center_mm is None for lesion in lesions)
    ambiguous = sum(lesion.nodule.ambiguous for lesion in lesions)
    unlabelled = sum(sample.label is None for sample in samples)
    few = sum(not rule.has_enough_readers(lesion.nodule) for lesion in lesions)
    consequence = " and are left out" if unit == "nodule" else ""
    counts = {
        "{} reading(s) are of series that are not here.": len(index.summaries) - len(uids),
        "{} CT series have no reading and are left out.": len(series) - len(scans),
        "{} outline(s) name a slice that is not here and were matched to one by height.": matches[
            "height"
        ],
        "{} outline(s) match no slice and were skipped.": matches["none"],
        f"{{}} nodule(s) enclose no pixel in the scan: they have no centre{consequence}.": outside,
        "{} nodule(s) touch another one and were separated since one reader drew both.": ambiguous,
        f"{{}} nodule(s) were marked by fewer than {rule.least_readers} readers.": few,
        f"{{}} {unit}(s) have no label by the rule.": unlabelled,
    }
    notes = [sentence.format(count) for sentence, count in counts.items() if count]
    faulty = [scan for scan in scans if scan.located.fault]
    if faulty:
        named = [f"{scan.series.series_uid} ({scan.located.fault[:-1]})" for scan in faulty[:NAMED]]
        more = f"; and {len(faulty) - NAMED} more" if len(faulty) > NAMED else ""
        notes.append(
            f"{len(faulty)} series are left out, since their slices cannot be placed: "
            f"{'; '.join(named)}{more}."
        )
    return notes
