"""All that LUNA16 annotates in a sample's scan."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lungcam.cohorts.luna16.matching import UNKNOWN_DIAMETER_MM
from lungcam.cohorts.luna16.tables import Points
from lungcam.cohorts.sample import Sample, ScanNodule


def with_nodules(
    samples: Sequence[Sample], annotations: Points, *, excluded: Points | None, counts: bool
) -> list[Sample]:
    """Tell each sample of the nodules and the excluded findings of its scan.

    Args:
        samples: Of LUNA16.
        annotations: The nodules.
        excluded: Findings that count neither way; None without the table.
        counts: Whether each nodule is what label 1 means; else a mark on one that is not a sample's
            own counts neither way.
    """
    of_scan: dict[str, tuple[ScanNodule, ...]] = {}
    for sample in samples:
        uid = sample.series_uid
        if uid not in of_scan:
            found = [
                *_nodules(annotations, uid, counts=counts),
                *_nodules(excluded, uid, counts=False),
            ]
            of_scan[uid] = tuple(found)
    return [replace(sample, nodules=of_scan[sample.series_uid]) for sample in samples]


def _nodules(points: Points | None, uid: str, *, counts: bool) -> Iterator[ScanNodule]:
    for index in points.of(uid) if points else ():
        diameter = float(points.values[index])
        # -1 in LUNA16's table: not measured
        diameter = diameter if diameter > 0 else UNKNOWN_DIAMETER_MM
        yield ScanNodule(points.center(index), diameter, counts)
