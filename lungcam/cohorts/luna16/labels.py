"""The rule malignancy: LUNA16 has none, and takes it from LIDC-IDRI's XML by series UID."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tqdm import tqdm

from lungcam.cohorts.lidc import LabelRule, Nodule, Reading
from lungcam.cohorts.luna16.folder import LunaFolder, LunaScan
from lungcam.cohorts.luna16.join import Join, join
from lungcam.cohorts.luna16.points import Points
from lungcam.cohorts.sample import Sample

UNREAD = "scan(s) have no reading in the XML and no label"
APART = "annotation(s) of LUNA16 hold no nodule of LIDC-IDRI's readers and have no label"
UNDECIDED = "are left without a label by the rule"
AMBIGUOUS = "nodule(s) meet another one, and were told apart only because one reader drew both"


def nodule_samples(
    folder: LunaFolder, annotations: Points, readings: Mapping[str, Reading], rule: LabelRule
) -> tuple[list[Sample], list[str]]:
    """Give each annotated nodule the readers' malignancy; the samples, and notes."""
    samples: list[Sample] = []
    counts: Counter[str] = Counter()
    wanted = [scan for uid, scan in folder.scans.items() if len(annotations.of(uid))]
    for scan, joined in _joins(wanted, annotations, readings, counts):
        for number, index in enumerate(annotations.of(scan.uid)):
            label, told = None, "no reading of LIDC-IDRI"
            if joined is not None and joined.nodule_of[number] < 0:
                told = f"{readings[scan.uid].file_name}: no nodule there"
                counts[APART] += 1
            elif joined is not None:
                nodule = joined.nodules[joined.nodule_of[number]]
                label, told = rule.label(nodule), _told(readings[scan.uid], nodule, rule)
                counts[f"nodule(s) {UNDECIDED}"] += label is None
            samples.append(
                scan.sample(
                    f"{folder.names[scan.uid]}_{number + 1}",
                    label,
                    f"{annotations.source(index)}; {told}",
                    annotations.center(index),
                    float(annotations.values[index]),
                )
            )
    return samples, _sentences(counts)


def scan_samples(
    folder: LunaFolder, annotations: Points, readings: Mapping[str, Reading], rule: LabelRule
) -> tuple[list[Sample], list[str]]:
    """Label each scan by its nodules, and give its most suspicious one's centre.

    1 if any nodule is malignant; 0 if there is a reading and each nodule that enough readers marked
    is benign; else none. The nodules are all those of the XML, also such as LUNA16 does not
    annotate: then the centre is the readers', and there is no diameter.
    """
    samples: list[Sample] = []
    counts: Counter[str] = Counter()
    for scan, joined in _joins(list(folder.scans.values()), annotations, readings, counts):
        found: dict[str, Any] = {"label": None, "label_source": "no reading of LIDC-IDRI"}
        if joined is not None:
            found = _of_scan(scan, joined, annotations, readings[scan.uid], rule)
            counts[f"scan(s) {UNDECIDED}"] += found["label"] is None
        samples.append(scan.sample(folder.names[scan.uid], **found))
    return samples, _sentences(counts)


def _of_scan(
    scan: LunaScan, joined: Join, annotations: Points, reading: Reading, rule: LabelRule
) -> dict[str, Any]:
    """A scan's label, and centre and diameter of its most suspicious nodule."""
    counted = [k for k, one in enumerate(joined.nodules) if rule.counts(one)]
    if not counted:
        none = not joined.nodules
        told = f"{reading.file_name}: no nodule that {rule.least_readers} reader(s) marked"
        return {"label": 0, "label_source": told, "diameter_mm": 0.0 if none else None}
    labels = [rule.label(joined.nodules[k]) for k in counted]
    worst = max(counted, key=lambda k: joined.nodules[k].rating("malignancy", rule.statistic))
    x, y, z = joined.centers_mm[worst]
    center, diameter = (float(x), float(y), float(z)), None
    if worst in joined.nodule_of:
        index = annotations.of(scan.uid)[joined.nodule_of.index(worst)]
        center, diameter = annotations.center(index), float(annotations.values[index])
    return {
        "label": 1 if 1 in labels else None if None in labels else 0,
        "label_source": _told(reading, joined.nodules[worst], rule),
        "center_mm": center,
        "diameter_mm": diameter,
    }


def _joins(
    scans: list[LunaScan],
    annotations: Points,
    readings: Mapping[str, Reading],
    counts: Counter[str],
) -> Iterator[tuple[LunaScan, Join | None]]:
    """Join scan by scan; None for one without a reading."""
    for scan in tqdm(scans, desc="readings"):
        if scan.uid not in readings:
            counts[UNREAD] += 1
            yield scan, None
            continue
        index = annotations.of(scan.uid)
        centers, diameters = annotations.centers_mm[index], annotations.values[index]
        joined = join(readings[scan.uid].annotations, scan.grid, centers, diameters)
        counts[AMBIGUOUS] += sum(one.ambiguous for one in joined.nodules)
        yield scan, joined


def _told(reading: Reading, nodule: Nodule, rule: LabelRule) -> str:
    """File, readers, their ratings and what the rule makes of them."""
    given = ", ".join(
        f"reader {one.reader}: {one.ratings['malignancy']}" for one in nodule.annotations
    )
    rating = nodule.rating("malignancy", rule.statistic)
    return f"{reading.file_name}, malignancy by {given}; {rule.statistic} {rating:.3g}"


def _sentences(counts: Counter[str]) -> list[str]:
    return [f"{count} {what}." for what, count in sorted(counts.items()) if count]
