"""Samples of LUNA16 under its three label rules: scan, candidate and malignancy.

- scan: LUNA16 annotates a nodule in the scan.
- candidate: a location is a nodule, as in LUNA16's false-positive reduction track.
- malignancy: LUNA16 has none; it comes from LIDC-IDRI's XML by series UID.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from lungcam.cohorts.lidc import LabelRule, Nodule, Reading
from lungcam.cohorts.luna16.folder import LunaFolder, LunaScan
from lungcam.cohorts.luna16.matching import NoduleMatch, hits, match_nodules
from lungcam.cohorts.luna16.tables import Points
from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError

LEAST_MM = 3.0
PRESENCE_SENTENCE = (
    "label 1: a nodule of 3 mm or more, marked by at least 3 of 4 readers, is annotated in the "
    "scan; 0: none is; a nodule may be benign"
)
CANDIDATE_SENTENCE = (
    "label 1: the location lies in a nodule of 3 mm or more that at least 3 of 4 readers marked "
    "({table}, class); 0: it does not; a nodule may be benign"
)
# notes, to be preceded by a count
EXCLUDED = "candidate(s) are in an excluded finding and are left out"
NOT_NEGATIVE = "candidate(s) of class 0 are in a nodule and are left out"
NEAR_COPIES = "positive candidate(s) are in a nodule that another one hits too: near copies"
NO_DIAMETER = "positive candidate(s) are in no annotation and have no diameter"
NO_READING = "scan(s) have no reading in the XML and no label"
NO_NODULE = "annotation(s) of LUNA16 contain no nodule of LIDC-IDRI's readers and have no label"
UNDECIDED = "are left without a label by the rule"
AMBIGUOUS = "nodule(s) touch another one and were separated since one reader drew both"


def presence_samples(folder: LunaFolder, annotations: Points) -> list[Sample]:
    """Label each scan; its centre and diameter are those of its largest nodule.

    A scan without a nodule has no diameter: fewer than 3 readers may have marked something in it.
    """
    samples = []
    for uid, scan in folder.scans.items():
        index = annotations.of(uid)
        index = index[annotations.values[index] >= LEAST_MM]
        if not len(index):
            source = f"{annotations.name}: no nodule"
            samples.append(scan.sample(folder.names[uid], 0, source=source))
            continue
        largest = index[annotations.values[index].argmax()]
        samples.append(
            scan.sample(
                folder.names[uid],
                1,
                source=f"{annotations.source(largest)}: the largest of {len(index)}",
                center_mm=annotations.center(largest),
                diameter_mm=float(annotations.values[largest]),
            )
        )
    return samples


@dataclass(frozen=True, eq=False, kw_only=True)
class _Candidates:
    """Candidates of the scans, matched to the annotations.

    Attributes:
        nodule: `(N,)` row of the annotation that a candidate hits, -1 for none.
        number: `(N,)` number of a candidate in its scan, from 1.
        usable: `(N,)` False if a candidate must be left out.
    """

    nodule: np.ndarray
    number: np.ndarray
    usable: np.ndarray


def candidate_samples(
    folder: LunaFolder,
    candidates: Points,
    *,
    annotations: Points,
    excluded: Points | None,
    negatives: int | None,
    seed: int,
) -> tuple[list[Sample], list[str]]:
    """Return a sample for each candidate of class 1 and for some of class 0.

    Args:
        folder: Scans; candidates of other scans are left out.
        candidates: Points with a class, 1 or 0.
        annotations: Nodules; a candidate takes the diameter of the nodule it hits.
        excluded: Findings that count neither way: a candidate that hits one, and no annotation, is
            left out.
        negatives: Candidates of class 0 to keep for each of class 1, drawn over all scans; None
            for all.
        seed: Seed of the draw.

    Returns:
        The samples in the table's order, and notes.

    Raises:
        InputError: No candidate of class 1 is in any of the scans.
    """
    counts: Counter[str] = Counter()
    positive = candidates.values == 1
    matched = _match_candidates(
        folder, candidates, annotations=annotations, excluded=excluded, counts=counts
    )
    nodule = matched.nodule
    positives = np.flatnonzero(matched.usable & positive)
    if not len(positives):
        raise InputError(
            f"{folder.root}: {candidates.name} has no candidate of class 1 in the scans there; add "
            "more of LUNA16's subsets."
        )
    in_nodule = nodule[positives][nodule[positives] >= 0]
    counts[NEAR_COPIES] += int(len(in_nodule) - len(np.unique(in_nodule)))
    counts[NO_DIAMETER] += int((nodule[positives] < 0).sum())
    others = np.flatnonzero(matched.usable & ~positive)
    if negatives is not None and len(others) > negatives * len(positives):
        drawn = np.random.default_rng(seed).permutation(len(others))[: negatives * len(positives)]
        note = f"candidate(s) of class 0 left out at random: {negatives} per positive are kept"
        counts[note] += len(others) - len(drawn)
        others = others[drawn]
    samples = [
        folder.scans[candidates.uids[k]].sample(
            f"{folder.names[candidates.uids[k]]}_{matched.number[k]}",
            int(positive[k]),
            source=f"{candidates.source(k)}: class {positive[k]:d}",
            center_mm=candidates.center(k),
            diameter_mm=float(annotations.values[nodule[k]]) if nodule[k] >= 0 else None,
        )
        for k in np.sort(np.concatenate([positives, others]))
    ]
    return samples, [f"{count} {note}." for note, count in counts.items() if count]


def _match_candidates(
    folder: LunaFolder,
    candidates: Points,
    *,
    annotations: Points,
    excluded: Points | None,
    counts: Counter[str],
) -> _Candidates:
    """Match the candidates to the annotations, scan by scan, and count those to be left out."""
    nodule = np.full(len(candidates.uids), -1)
    number = np.zeros(len(candidates.uids), int)
    usable = np.zeros(len(candidates.uids), bool)
    positive = candidates.values == 1
    for uid in folder.scans:
        index = candidates.of(uid)
        number[index] = np.arange(1, len(index) + 1)
        hit = _hit_rows(candidates.centers_mm[index], annotations, uid=uid)
        nodule[index] = hit
        hit_excluded = _hit_rows(candidates.centers_mm[index], excluded, uid=uid)
        neither = (hit < 0) & (hit_excluded >= 0)
        not_negative = ~positive[index] & (hit >= 0)
        usable[index] = ~neither & ~not_negative
        counts[EXCLUDED] += int(neither.sum())
        counts[NOT_NEGATIVE] += int(not_negative.sum())
    return _Candidates(nodule=nodule, number=number, usable=usable)


def _hit_rows(points: np.ndarray, findings: Points | None, *, uid: str) -> np.ndarray:
    """Return the row of the finding of a scan that each point hits, -1 for none."""
    if findings is None:
        return np.full(len(points), -1)
    index = findings.of(uid)
    hit = hits(points, findings.centers_mm[index], diameters=findings.values[index])
    return np.where(hit >= 0, np.append(index, -1)[hit], -1)


def malignant_nodule_samples(
    folder: LunaFolder,
    annotations: Points,
    *,
    readings: Mapping[str, Reading],
    rule: LabelRule,
) -> tuple[list[Sample], list[str]]:
    """Label each annotated nodule by the readers' malignancy; return samples and notes."""
    samples: list[Sample] = []
    counts: Counter[str] = Counter()
    annotated = [scan for uid, scan in folder.scans.items() if len(annotations.of(uid))]
    for scan, match in _matches(annotated, annotations, readings=readings, counts=counts):
        for position, index in enumerate(annotations.of(scan.uid)):
            label, source = None, "no reading of LIDC-IDRI"
            if match is not None and match.nodule_of[position] < 0:
                source = f"{readings[scan.uid].file_name}: no nodule there"
                counts[NO_NODULE] += 1
            elif match is not None:
                nodule = match.nodules[match.nodule_of[position]]
                label, source = rule.label(nodule), _source(readings[scan.uid], nodule, rule=rule)
                counts[f"nodule(s) {UNDECIDED}"] += label is None
            samples.append(
                scan.sample(
                    f"{folder.names[scan.uid]}_{position + 1}",
                    label,
                    source=f"{annotations.source(index)}; {source}",
                    center_mm=annotations.center(index),
                    diameter_mm=float(annotations.values[index]),
                )
            )
    return samples, _sentences(counts)


def malignant_scan_samples(
    folder: LunaFolder,
    annotations: Points,
    *,
    readings: Mapping[str, Reading],
    rule: LabelRule,
) -> tuple[list[Sample], list[str]]:
    """Label each scan by its nodules, with the centre of the most suspicious one.

    The label is 1 if any nodule is malignant; 0 if there is a reading and each nodule with enough
    readers is benign; else None. All nodules of the XML count, including those that LUNA16 does not
    annotate: the centre of these is the readers', and there is no diameter.
    """
    samples: list[Sample] = []
    counts: Counter[str] = Counter()
    scans = list(folder.scans.values())
    for scan, match in _matches(scans, annotations, readings=readings, counts=counts):
        name = folder.names[scan.uid]
        if match is None:
            samples.append(scan.sample(name, None, source="no reading of LIDC-IDRI"))
            continue
        sample = _malignant_scan(
            name,
            scan,
            match=match,
            annotations=annotations,
            reading=readings[scan.uid],
            rule=rule,
        )
        counts[f"scan(s) {UNDECIDED}"] += sample.label is None
        samples.append(sample)
    return samples, _sentences(counts)


def _malignant_scan(
    name: str,
    scan: LunaScan,
    *,
    match: NoduleMatch,
    annotations: Points,
    reading: Reading,
    rule: LabelRule,
) -> Sample:
    """Return a scan with a reading, with centre and diameter of its most suspicious nodule."""
    counted = [k for k, nodule in enumerate(match.nodules) if rule.has_enough_readers(nodule)]
    if not counted:
        source = f"{reading.file_name}: no nodule that {rule.least_readers} reader(s) marked"
        diameter = None if match.nodules else 0.0
        return scan.sample(name, 0, source=source, diameter_mm=diameter)
    labels = [rule.label(match.nodules[k]) for k in counted]
    worst = max(counted, key=lambda k: rule.rating(match.nodules[k]))
    x, y, z = match.centers_mm[worst]
    center, diameter = (float(x), float(y), float(z)), None
    if worst in match.nodule_of:
        index = annotations.of(scan.uid)[match.nodule_of.index(worst)]
        center, diameter = annotations.center(index), float(annotations.values[index])
    return scan.sample(
        name,
        1 if 1 in labels else None if None in labels else 0,
        source=_source(reading, match.nodules[worst], rule=rule),
        center_mm=center,
        diameter_mm=diameter,
    )


def _matches(
    scans: list[LunaScan],
    annotations: Points,
    *,
    readings: Mapping[str, Reading],
    counts: Counter[str],
) -> Iterator[tuple[LunaScan, NoduleMatch | None]]:
    """Yield each scan with its matched nodules; None for a scan without a reading."""
    for scan in tqdm(scans, desc="readings"):
        if scan.uid not in readings:
            counts[NO_READING] += 1
            yield scan, None
            continue
        index = annotations.of(scan.uid)
        match = match_nodules(
            readings[scan.uid].annotations,
            scan.grid,
            centers_mm=annotations.centers_mm[index],
            diameters_mm=annotations.values[index],
        )
        counts[AMBIGUOUS] += sum(nodule.ambiguous for nodule in match.nodules)
        yield scan, match


def _source(reading: Reading, nodule: Nodule, *, rule: LabelRule) -> str:
    """Return file, readers, their ratings and the value of the rule."""
    ratings = ", ".join(
        f"reader {annotation.reader}: {annotation.ratings['malignancy']}"
        for annotation in nodule.annotations
    )
    value = rule.rating(nodule)
    return f"{reading.file_name}, malignancy by {ratings}; {rule.statistic} {value:.3g}"


def _sentences(counts: Counter[str]) -> list[str]:
    return [f"{count} {note}." for note, count in sorted(counts.items()) if count]
