"""The rule candidate: is a location a nodule? LUNA16's false-positive reduction track."""

from collections import Counter

import numpy as np

from lungcam.cohorts.luna16.folder import LunaFolder
from lungcam.cohorts.luna16.hits import hits
from lungcam.cohorts.luna16.points import Points
from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError

SENTENCE = (
    "label 1: the location lies in a nodule of 3 mm or more that at least 3 of 4 readers marked "
    "({table}, class); 0: it does not; a nodule may be benign"
)


def candidate_samples(
    folder: LunaFolder,
    candidates: Points,
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
        hit = _hits(candidates.centers_mm[index], annotations, uid)
        nodule[index] = hit
        neither = (hit < 0) & (_hits(candidates.centers_mm[index], excluded, uid) >= 0)
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


def _hits(points: np.ndarray, findings: Points | None, uid: str) -> np.ndarray:
    """Row of the finding of a scan that each point hits, -1 for none."""
    if findings is None:
        return np.full(len(points), -1)
    index = findings.of(uid)
    hit = hits(points, findings.centers_mm[index], findings.values[index])
    return np.where(hit >= 0, np.append(index, -1)[hit], -1)
