"""The rule malignancy: LUNA16 has none, and takes it from LIDC-IDRI's XML by series UID.

The rule candidate: is a location a nodule? LUNA16's false-positive reduction track.

The rule scan: whether LUNA16 annotates a nodule in the scan.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from lungcam.cohorts.lidc import LabelRule, Nodule, Reading
from lungcam.cohorts.luna16.folder import LunaFolder, LunaScan
from lungcam.cohorts.luna16.matching import Join, hits, join
from lungcam.cohorts.luna16.tables import Points
from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError

CANDIDATE_SENTENCE = (
    "label 1: the location lies in a nodule of 3 mm or more that at least 3 of 4 readers marked "
    "({table}, class); 0: it does not; a nodule may be benign"
)


def candidate_samples(
    folder: LunaFolder,
    candidates: Points,
    *,
    annotations: Points,
    excluded: Points | None,
    negatives: int | None,
    seed: int,
) -> tuple[list[Sample], list[str]]:
    """Make a sample of each candidate of class 1, and of some of class 0.

    Args:
        folder: Candidates of scans that are not in it are left out.
        candidates: Values are classes, 1 or 0.
        annotations: A candidate takes the diameter of the one it hits.
        excluded: Findings that count neither way: who hits one, and no annotation, is left out.
        negatives: Candidates of class 0 to keep for each of class 1, drawn over all scans; None
            for all.
        seed: Of the draw.

    Returns:
        The samples in the table's order, and notes.

    Raises:
        InputError: No candidate of class 1 lies in any of the scans.
    """
    nodule = np.full(len(candidates.uids), -1)
    number = np.zeros(len(candidates.uids), int)
    kept = np.zeros(len(candidates.uids), bool)
    counts: Counter[str] = Counter()
    positive = candidates.values == 1
    for uid in folder.scans:
        index = candidates.of(uid)
        number[index] = np.arange(1, len(index) + 1)
        hit = _hits(candidates.centers_mm[index], annotations, uid=uid)
        nodule[index] = hit
        neither = (hit < 0) & (_hits(candidates.centers_mm[index], excluded, uid=uid) >= 0)
        within = ~positive[index] & (hit >= 0)
        kept[index] = ~neither & ~within
        counts["candidate(s) lie in an excluded finding and are left out"] += int(neither.sum())
        counts["candidate(s) of class 0 lie in a nodule and are left out"] += int(within.sum())
    chosen = np.flatnonzero(kept & positive)
    if not len(chosen):
        raise InputError(
            f"{folder.root}: {candidates.name} has no candidate of class 1 in the scans there; add "
            "more of LUNA16's subsets."
        )
    in_a_nodule = nodule[chosen][nodule[chosen] >= 0]
    counts["positive candidate(s) lie in a nodule that another one hits too: near copies"] += int(
        len(in_a_nodule) - len(np.unique(in_a_nodule))
    )
    counts["positive candidate(s) lie in no annotation and have no diameter"] += int(
        (nodule[chosen] < 0).sum()
    )
    others = np.flatnonzero(kept & ~positive)
    if negatives is not None and len(others) > negatives * len(chosen):
        drawn = np.random.default_rng(seed).permutation(len(others))[: negatives * len(chosen)]
        counts[f"candidate(s) of class 0 left out by lot: {negatives} a positive one are kept"] += (
            len(others) - len(drawn)
        )
        others = others[drawn]
    samples = [
        folder.scans[candidates.uids[k]].sample(
            f"{folder.names[candidates.uids[k]]}_{number[k]}",
            int(positive[k]),
            f"{candidates.source(k)}: class {positive[k]:d}",
            candidates.center(k),
            float(annotations.values[nodule[k]]) if nodule[k] >= 0 else None,
        )
        for k in np.sort(np.concatenate([chosen, others]))
    ]
    return samples, [f"{count} {what}." for what, count in counts.items() if count]


def _hits(points: np.ndarray, findings: Points | None, *, uid: str) -> np.ndarray:
    """Row of the finding of a scan that each point hits, -1 for none."""
    if findings is None:
        return np.full(len(points), -1)
    index = findings.of(uid)
    hit = hits(points, findings.centers_mm[index], diameters=findings.values[index])
    return np.where(hit >= 0, np.append(index, -1)[hit], -1)


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
    for scan, joined in _joins(wanted, annotations, readings=readings, counts=counts):
        for number, index in enumerate(annotations.of(scan.uid)):
            label, told = None, "no reading of LIDC-IDRI"
            if joined is not None and joined.nodule_of[number] < 0:
                told = f"{readings[scan.uid].file_name}: no nodule there"
                counts[APART] += 1
            elif joined is not None:
                nodule = joined.nodules[joined.nodule_of[number]]
                label, told = rule.label(nodule), _told(readings[scan.uid], nodule, rule=rule)
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
    for scan, joined in _joins(
        list(folder.scans.values()), annotations, readings=readings, counts=counts
    ):
        found: dict[str, Any] = {"label": None, "label_source": "no reading of LIDC-IDRI"}
        if joined is not None:
            found = _of_scan(
                scan, joined, annotations=annotations, reading=readings[scan.uid], rule=rule
            )
            counts[f"scan(s) {UNDECIDED}"] += found["label"] is None
        samples.append(scan.sample(folder.names[scan.uid], **found))
    return samples, _sentences(counts)


def _of_scan(
    scan: LunaScan, joined: Join, *, annotations: Points, reading: Reading, rule: LabelRule
) -> dict[str, Any]:
    """A scan's label, and centre and diameter of its most suspicious nodule."""
    counted = [k for k, one in enumerate(joined.nodules) if rule.has_enough_readers(one)]
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
        "label_source": _told(reading, joined.nodules[worst], rule=rule),
        "center_mm": center,
        "diameter_mm": diameter,
    }


def _joins(
    scans: list[LunaScan],
    annotations: Points,
    *,
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
        joined = join(
            readings[scan.uid].annotations, scan.grid, centers_mm=centers, diameters_mm=diameters
        )
        counts[AMBIGUOUS] += sum(one.ambiguous for one in joined.nodules)
        yield scan, joined


def _told(reading: Reading, nodule: Nodule, *, rule: LabelRule) -> str:
    """File, readers, their ratings and what the rule makes of them."""
    given = ", ".join(
        f"reader {one.reader}: {one.ratings['malignancy']}" for one in nodule.annotations
    )
    rating = nodule.rating("malignancy", rule.statistic)
    return f"{reading.file_name}, malignancy by {given}; {rule.statistic} {rating:.3g}"


def _sentences(counts: Counter[str]) -> list[str]:
    return [f"{count} {what}." for what, count in sorted(counts.items()) if count]


LEAST_MM = 3.0
PRESENCE_SENTENCE = (
    "label 1: a nodule of 3 mm or more, marked by at least 3 of 4 readers, is annotated in the "
    "scan; 0: none is; a nodule may be benign"
)


def presence_samples(folder: LunaFolder, annotations: Points) -> list[Sample]:
    """Label each scan; its centre and diameter are those of its largest nodule.

    A scan without one has no diameter: fewer than 3 readers may have marked something in it.
    """
    samples = []
    for uid, scan in folder.scans.items():
        index = annotations.of(uid)
        index = index[annotations.values[index] >= LEAST_MM]
        if len(index):
            largest = index[annotations.values[index].argmax()]
            found = (
                1,
                f"{annotations.source(largest)}: the largest of {len(index)}",
                annotations.center(largest),
                float(annotations.values[largest]),
            )
        else:
            found = 0, f"{annotations.name}: no nodule", None, None
        samples.append(scan.sample(folder.names[uid], *found))
    return samples
