"""Search of a scan by a detector: a map of each level, and candidates from all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import maximum_filter

from lungcam.detection.blobs import blob_scores, soft_tissue
from lungcam.detection.pyramid import OUTSIDE_HU, Level
from lungcam.explain import HeatMap, peaks
from lungcam.grid import Grid, resample
from lungcam.nets.detector_net import CELL, MULTIPLE, DetectorNet

CANDIDATES = 100
# candidates of a level before those of all are merged
PER_LEVEL = 60
# two candidates of one level are this far apart at least, in voxels, ...
APART = 5
# ... and any two, in mm and in voxels of the coarser level
APART_MM, APART_ANY = 10.0, 4
# logit where nothing is searched, and below which nothing is a candidate
NEVER = -12.0
# of the blob filter's logarithm, in the sum with the net's logit, at fine and at coarse levels: at
# these the net has seen few real lesions; chosen on lungs and nodules that a net had not seen
BLOB_WEIGHT, COARSE_BLOB_WEIGHT, COARSE_MM = 1.5, 3.0, 4.0
BLOB_HU, LEAST_BLOB_HU = 30.0, 1.0
# voxels around a place in which a blob's middle may lie
BLOB_REACH = 5
# slices that are computed at once, and voxels around them that the net sees: it bounds the memory
SLAB, MARGIN = 160, 24


@dataclass(frozen=True)
class Detection:
    """A place that may be a nodule.

    Attributes:
        center_mm: Centre in RAS mm.
        logit: The detector's logit.
        spacing_mm: Spacing of the level at which it was found; the nodule is about 5 to 14 voxels
            wide there.
    """

    center_mm: tuple[float, float, float]
    logit: float
    spacing_mm: float


def net_map(net: DetectorNet, level: Level) -> HeatMap:
    """Compute the net's logit at each cell of a level.

    Args:
        net: The net, in evaluation mode.
        level: A level of the scan.

    Returns:
        Logits on cells of two voxels; `NEVER` where nothing is searched.
    """
    shape = np.array(level.hu.shape)
    padded_shape = -(-shape // MULTIPLE) * MULTIPLE
    hu = np.full(padded_shape, OUTSIDE_HU, np.float32)
    hu[tuple(map(slice, shape))] = level.hu
    cells = [_slab_logits(net, hu, begin) for begin in range(0, hu.shape[2], SLAB)]
    logits = np.concatenate(cells, axis=2)
    searched = np.zeros(padded_shape, bool)
    searched[tuple(map(slice, shape))] = level.searched
    w, h, d = logits.shape
    any_searched = searched.reshape(w, CELL, h, CELL, d, CELL).any((1, 3, 5))
    logits[~any_searched] = NEVER
    affine = level.grid.affine.copy()
    affine[:3, 3] = level.grid.to_world(np.full(3, (CELL - 1) / 2))
    affine[:3, :3] *= CELL
    return HeatMap(logits.clip(NEVER), Grid((w, h, d), affine))


@torch.inference_mode()
def _slab_logits(net: DetectorNet, hu: np.ndarray, begin: int) -> np.ndarray:
    """Return the logits of `SLAB` slices from one on, seen with a margin."""
    low, high = max(0, begin - MARGIN), min(hu.shape[2], begin + SLAB + MARGIN)
    device = next(net.parameters()).device
    image = torch.from_numpy(np.ascontiguousarray(hu[None, None, :, :, low:high])).to(device)
    logits = net(image.contiguous(memory_format=torch.channels_last_3d))[0, 0]
    first = (begin - low) // CELL
    return logits[:, :, first : first + SLAB // CELL].float().cpu().numpy()


def blob_map(level: Level) -> HeatMap:
    """Compute the logarithm of a blob filter's score at each voxel of a level.

    Returns:
        Logarithms of scores in units of `BLOB_HU`, the highest of nearby voxels.
    """
    scores = blob_scores(soft_tissue(level.hu), level.searched)
    nearby = maximum_filter(scores, size=BLOB_REACH)
    return HeatMap(np.log(np.maximum(nearby, LEAST_BLOB_HU) / BLOB_HU), level.grid)


def suspicion_map(net: DetectorNet, level: Level, *, blobs: HeatMap) -> HeatMap:
    """Add the net's logit and the blob filter's, at each cell of a level.

    The net has seen few large tumours; the filter knows no difference between a large blob and a
    small one.

    Args:
        net: The net, in evaluation mode.
        level: A level of the scan.
        blobs: From `blob_map`, of this level or a coarser one.

    Returns:
        Logits on cells of two voxels; `NEVER` where nothing is searched.
    """
    heat = net_map(net, level)
    # half a cell beyond the blobs' outermost voxels nothing is searched
    weight = COARSE_BLOB_WEIGHT if level.spacing_mm >= COARSE_MM else BLOB_WEIGHT
    weighted = weight * resample(blobs.values, blobs.cells, target=heat.cells)
    logits = np.where(heat.values > NEVER, heat.values + weighted, NEVER)
    return HeatMap(logits.clip(NEVER), heat.cells)


def detect(
    net: DetectorNet,
    levels: Sequence[Level],
    *,
    most: int = CANDIDATES,
    blobs: Sequence[HeatMap] | None = None,
) -> tuple[list[Detection], list[HeatMap]]:
    """Search a scan.

    Args:
        net: The detector, in evaluation mode.
        levels: Levels of the scan, see `pyramid`.
        most: Greatest number of candidates.
        blobs: From `blob_map` of all levels but the finest, if they were computed before.

    Returns:
        Candidates, the most suspicious first, and the map of each level.
    """
    # at the finest level the filter takes as long as the net; it can do with the next one's
    blobs = [blob_map(level) for level in levels[1:]] if blobs is None else blobs
    maps = [
        suspicion_map(net, level, blobs=heat)
        for level, heat in zip(levels, [*blobs[:1], *blobs], strict=True)
    ]
    detections = []
    for level, heat in zip(levels, maps, strict=True):
        detections += level_peaks(heat, spacing_mm=level.spacing_mm, offset=NEVER)
    return merge(detections, most=most), maps


def level_peaks(heat: HeatMap, *, spacing_mm: float, offset: float = 0.0) -> list[Detection]:
    """Return the peaks of a level's map that exceed `offset`."""
    centers_mm, heights = peaks(
        heat.values - offset,
        heat.cells,
        min_distance_mm=max(APART * spacing_mm / 2, APART),
        max_peaks=PER_LEVEL,
    )
    return [
        Detection(tuple(map(float, center)), float(height + offset), spacing_mm)
        for center, height in zip(centers_mm, heights, strict=True)
    ]


def merge(detections: Sequence[Detection], *, most: int = CANDIDATES) -> list[Detection]:
    """Keep the most suspicious of candidates near each other, over all levels."""
    kept: list[Detection] = []
    for candidate in sorted(detections, key=lambda detection: -detection.logit):
        if len(kept) == most:
            break
        if all(_distance(candidate, other) >= _apart(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def _distance(first: Detection, second: Detection) -> float:
    return float(np.linalg.norm(np.subtract(first.center_mm, second.center_mm)))


def _apart(first: Detection, second: Detection) -> float:
    return max(APART_MM, APART_ANY * max(first.spacing_mm, second.spacing_mm))
