"""Annotated nodules of a sample's whole scan, from tables in LUNA16's format."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lungcam.cohorts.luna16.matching import UNKNOWN_DIAMETER_MM
from lungcam.cohorts.luna16.tables import Points
from lungcam.cohorts.sample import Sample, ScanNodule


def with_nodules(
    samples: Sequence[Sample], annotations: Points, *, excluded: Points | None, counts: bool
) -> list[Sample]:
    """Add to each sample the nodules and excluded findings of its scan.

    Args:
        samples: Samples with a series UID.
        annotations: Annotated nodules.
        excluded: Findings that count neither way; None without the table.
        counts: True if each nodule is what label 1 means; else a mark on a nodule that is not the
            sample's own counts neither way.
    """
    nodules_of: dict[str, tuple[ScanNodule, ...]] = {}
    for sample in samples:
        uid = sample.series_uid
        if uid not in nodules_of:
            nodules_of[uid] = (
                *_nodules(annotations, uid, counts=counts),
                *_nodules(excluded, uid, counts=False),
            )
    return [replace(sample, nodules=nodules_of[sample.series_uid]) for sample in samples]


def _nodules(points: Points | None, uid: str, *, counts: bool) -> Iterator[ScanNodule]:
    for index in points.of(uid) if points else ():
        diameter = float(points.values[index])
        # LUNA16 writes -1 for an unmeasured diameter
        diameter = diameter if diameter > 0 else UNKNOWN_DIAMETER_MM
        yield ScanNodule(points.center(index), diameter, counts)
