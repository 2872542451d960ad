"""Whole scans as places to learn from: their lungs, their lesions and what looks like one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from lungcam.cohorts import Sample
from lungcam.data.annotated_lesions import annotated_lesions
from lungcam.detection.blobs import blob_scores, soft_tissue
from lungcam.detection.pyramid import Level
from lungcam.explain import HeatMap, peaks
from lungcam.explain.inpaint import sphere

# widths of nodules that a level is to find, in voxels
LEAST, WIDEST = 4.0, 16.0
# a nodule's core, as a share of its largest depth; the rest is neither nodule nor none
CORE = 0.45
# width of the rim around an outline that is neither nodule nor none, in voxels
RIM = 2.5
TISSUE_HU = -300
NOTHING, NODULE, UNSURE = 0, 1, 2
# what looks most like a nodule is seen most often: how many places a level, and their distance
HARD, HARD_APART = 150, 6


@dataclass(eq=False, kw_only=True)
class Host:
    """A whole scan at all levels, with its truth.

    Attributes:
        name: Name of the scan.
        patient_id: Its patient.
        slice_mm: Distance of its slices, or its coarsest spacing.
        levels: Its levels.
        truth: `(W, H, D)` uint8 by level: `NOTHING`, `NODULE` in the core of a lesion of this
            level's size, `UNSURE` in and around other parts of lesions.
        places: `(N, 3)` int16 voxel indices of searched places outside lesions, by level.
        tissue: Those of them that are no air: vessels, and what the closed lungs hold of the wall.
        hard: `(N, 3)` voxel indices of places that look like a nodule and are none, by level.
    """

    name: str
    patient_id: str
    slice_mm: float
    levels: Sequence[Level]
    truth: Sequence[np.ndarray]
    places: Sequence[np.ndarray]
    tissue: Sequence[np.ndarray]
    hard: list[np.ndarray] = field(default_factory=list)


def make_host(samples: Sequence[Sample], levels: Sequence[Level], *, slice_mm: float) -> Host:
    """Make a host of a scan.

    Args:
        samples: All lesions of the scan, as samples with a centre and a diameter or a mask, or as
            their `nodules`; a sample without any is a scan without lesions. Nodules that do not
            count are neither lesions nor none.
        levels: Levels of the scan.
        slice_mm: Coarsest spacing of the scan.
    """
    truth = [level_truth(level, *_lesions(samples, level)) for level in levels]
    places = [
        np.argwhere(level.searched & (known == NOTHING)).astype(np.int16)
        for level, known in zip(levels, truth, strict=True)
    ]
    tissue = [
        part[level.hu[tuple(part.T)] > TISSUE_HU]
        for level, part in zip(levels, places, strict=True)
    ]
    host = Host(
        name=samples[0].sample_id,
        patient_id=samples[0].patient_id,
        slice_mm=slice_mm,
        levels=levels,
        truth=truth,
        places=places,
        tissue=tissue,
    )
    blobs = [
        HeatMap(blob_scores(soft_tissue(level.hu), level.searched), level.grid) for level in levels
    ]
    host.hard = hard_places(host, blobs)
    return host


def _lesions(samples: Sequence[Sample], level: Level) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the lesions of a scan, and the findings that do not count, `(W, H, D)` bool each."""
    lesions, others = [], []
    for sample in samples:
        counted = tuple(nodule for nodule in sample.nodules if nodule.counts)
        lesions += annotated_lesions(replace(sample, nodules=counted), level.grid)
        others += [
            sphere(level.grid, nodule.center_mm, diameter_mm=nodule.diameter_mm)
            for nodule in sample.nodules
            if not nodule.counts
        ]
    return lesions, others


def level_truth(
    level: Level, lesions: Sequence[np.ndarray], unsure: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """Return what is known of each voxel of a level, `(W, H, D)` uint8.

    Args:
        level: The level.
        lesions: `(W, H, D)` bool each.
        unsure: Findings that are neither lesions nor none, `(W, H, D)` bool each.
    """
    truth = np.full(level.hu.shape, NOTHING, np.uint8)
    for finding in unsure:
        truth[finding] = UNSURE
    for lesion in lesions:
        if lesion.any():
            mark(truth, lesion)
    return truth


def mark(truth: np.ndarray, lesion: np.ndarray, *, any_size: bool = False) -> None:
    """Mark a lesion in a truth: its rim, and its core if it is of the level's size."""
    truth[distance_transform_edt(~lesion) < RIM] = UNSURE
    if any_size or LEAST <= equivalent_diameter(lesion.sum()) <= WIDEST:
        depth = distance_transform_edt(lesion)
        truth[depth > CORE * depth.max()] = NODULE


def equivalent_diameter(volume: float) -> float:
    """Return the diameter of a ball of a volume."""
    return float(2 * (volume * 3 / (4 * np.pi)) ** (1 / 3))


def hard_places(host: Host, maps: Sequence[HeatMap]) -> list[np.ndarray]:
    """Return the places outside lesions where maps peak, by level, `(N, 3)` voxel indices.

    Args:
        host: The scan.
        maps: Map of each level.
    """
    hard = []
    for level, truth, heat in zip(host.levels, host.truth, maps, strict=True):
        centers_mm, _ = peaks(
            heat.values - heat.values.min(),
            heat.cells,
            min_distance_mm=HARD_APART * level.spacing_mm,
            max_peaks=HARD,
        )
        index = np.rint(level.grid.to_index(centers_mm)).astype(int).reshape(-1, 3)
        index = np.clip(index, 0, np.array(truth.shape) - 1)
        hard.append(index[truth[tuple(index.T)] == NOTHING])
    return hard


def hosts_of(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Group the lesions of a table by their scan, in its order."""
    groups: dict[tuple[Path, str | None], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.image, sample.series), []).append(sample)
    return list(groups.values())
