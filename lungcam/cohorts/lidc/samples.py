"""Samples of one series: its nodules, or itself.

What is to be said of the cohort: what was left out, and what stood in for what.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.cohorts.dicom_index import Series
from lungcam.cohorts.lidc.labels import LabelRule
from lungcam.cohorts.lidc.lesion import Lesion, Outlined
from lungcam.cohorts.lidc.xml import Mention, Mentions
from lungcam.cohorts.sample import Sample


@dataclass(frozen=True, eq=False)
class Read:
    """A CT series and its reading."""

    series: Series
    mention: Mention
    outlined: Outlined


def nodule_samples(
    name: str, read: Read, *, rule: LabelRule, features: Sequence[str], cache: Path
) -> list[Sample]:
    """A sample for each nodule that lies in the scan, numbered in the order of all nodules."""
    return [
        _sample(
            f"{name}_{n}",
            read,
            label=rule.label(lesion.nodule),
            source=f"{read.mention.file_name}, nodule {n}: {_ratings(lesion, rule)}; {rule.sentence}",
            lesion=lesion,
            features=_features(lesion, rule, names=features),
            cache=cache,
        )
        for n, lesion in enumerate(read.outlined.lesions, 1)
        if lesion.center_mm is not None
    ]


def scan_sample(
    name: str, read: Read, *, rule: LabelRule, features: Sequence[str], cache: Path
) -> Sample:
    """A sample for the series.

    Nodules that too few readers marked do not count. Where none counts, the diameter is 0 if no
    reader marked any nodule, else unknown.
    """
    counted = [one for one in read.outlined.lesions if rule.counts(one.nodule)]
    labels = [rule.label(one.nodule) for one in counted]
    label = 1 if 1 in labels else None if None in labels else 0
    lesion = max(counted, key=lambda one: _suspicion(one, rule), default=None)
    if lesion is not None:
        told = f"most suspicious of {len(counted)} nodule(s): {_ratings(lesion, rule)}"
    elif read.outlined.lesions:
        told = f"{len(read.outlined.lesions)} nodule(s), none by {rule.least_readers} readers"
    else:
        told = "no nodule of 3 mm or more"
    source = f"{read.mention.file_name}: {told}; {scan_sentence(rule)}"
    values = {} if lesion is None else _features(lesion, rule, names=features)
    return _sample(
        name, read, label=label, source=source, lesion=lesion, features=values, cache=cache
    )


def scan_sentence(rule: LabelRule) -> str:
    """The rule for a series in words."""
    return (
        f"label 1: a nodule's {rule.statistic} of the readers' malignancy ratings (1-5) is above "
        f"{rule.malignant_above:g}; 0: each is below {rule.benign_below:g}, or there is no nodule; "
        f"else left out{rule.few}; the readers' suspicion, not pathology"
    )


def _suspicion(lesion: Lesion, rule: LabelRule) -> tuple[float, float]:
    return lesion.nodule.rating("malignancy", rule.statistic), lesion.diameter_mm or 0.0


def _ratings(lesion: Lesion, rule: LabelRule) -> str:
    """Such as 'malignancy 5, 5, 4 by readers 1, 2, 4, mean 4.67'."""
    marks = lesion.nodule.annotations
    given = ", ".join(str(one.ratings["malignancy"]) for one in marks)
    readers = ", ".join(str(one.reader) for one in marks)
    value = lesion.nodule.rating("malignancy", rule.statistic)
    return f"malignancy {given} by reader(s) {readers}, {rule.statistic} {value:.3g}"


def _features(lesion: Lesion, rule: LabelRule, *, names: Sequence[str]) -> dict[str, float]:
    values = {}
    for name in names:
        if name == "readers":
            values[name] = float(len(lesion.nodule.readers))
        elif any(name in one.ratings for one in lesion.nodule.annotations):
            values[name] = lesion.nodule.rating(name, rule.statistic)
    return values


def _sample(
    name: str,
    read: Read,
    *,
    label: int | None,
    source: str,
    lesion: Lesion | None,
    features: dict[str, float],
    cache: Path,
) -> Sample:
    diameter = lesion.diameter_mm if lesion else None if read.outlined.lesions else 0.0
    return Sample(
        sample_id=name,
        patient_id=read.series.patient_id,
        image=read.series.folder,
        label=label,
        label_source=source,
        study_uid=read.series.study_uid or None,
        series_uid=read.series.series_uid,
        center_mm=lesion.center_mm if lesion else None,
        diameter_mm=diameter,
        lesion_mask=cache / lesion.mask if lesion and lesion.mask else None,
        features=features,
    )


NAMED = 5


def tell(
    series: Sequence[Series],
    mentions: Mentions,
    *,
    read: Sequence[Read],
    samples: Sequence[Sample],
    rule: LabelRule,
    unit: str,
) -> list[str]:
    """Sentences with counts.

    Args:
        series: All CT series below the root.
        mentions: The readings.
        read: The series with a reading.
        samples: What came of them.
        rule: The label rule.
        unit: `nodule` or `scan`.
    """
    here = {one.series.series_uid for one in read}
    lesions = [lesion for one in read for lesion in one.outlined.lesions]
    faulty = [one for one in read if one.outlined.fault]
    told: Counter[str] = Counter()
    for one in read:
        told.update(one.outlined.joins)
    unlabelled = sum(one.label is None for one in samples)
    few = sum(not rule.counts(one.nodule) for one in lesions)
    counts = {
        "{} reading(s) are of series that are not here.": len(mentions.short) - len(here),
        "{} CT series have no reading and are left out.": len(series) - len(read),
        "{} outline(s) name a slice that is not here and were joined by their height.": told[
            "height"
        ],
        "{} outline(s) lie on no slice and were left aside.": told["none"],
        "{} nodule(s) surround no pixel in the scan: they have no centre"
        + (" and are left out." if unit == "nodule" else "."): sum(
            one.center_mm is None for one in lesions
        ),
        "{} nodule(s) meet another one and were parted because one reader drew both.": sum(
            one.nodule.ambiguous for one in lesions
        ),
        f"{{}} nodule(s) were marked by fewer than {rule.least_readers} readers.": few,
        f"{{}} {unit}(s) have no label by the rule.": unlabelled,
    }
    notes = [sentence.format(count) for sentence, count in counts.items() if count]
    if faulty:
        named = [f"{one.series.series_uid} ({one.outlined.fault[:-1]})" for one in faulty[:NAMED]]
        more = f"; and {len(faulty) - NAMED} more" if len(faulty) > NAMED else ""
        notes.append(
            f"{len(faulty)} series are left out, for their slices cannot be placed: "
            f"{'; '.join(named)}{more}."
        )
    return notes
