"""Recall of a detector in crops, at so many false positives a litre of surroundings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from lungcam.detection.crops import Crop, Placed, place
from lungcam.detection.detector import detect
from lungcam.detection.host import RIM
from lungcam.detection.pyramid import OUTSIDE_HU, Level
from lungcam.grid import Grid
from lungcam.metrics.resampling import mean_interval
from lungcam.nets.detector_net import MULTIPLE, DetectorNet

# false positives per litre of surroundings at which recall is given
PER_LITRE = (1, 4, 8)
# of nodules, in mm: recall is given for each range
SIZES_MM = ((4, 6), (6, 10), (10, 15), (15, 100))
LEVELS_MM = (1.0, 2.0)
# share of the nodule in a voxel that belongs to it
NODULE_SHARE = 0.4


@dataclass(frozen=True)
class CropResult:
    """Answer of a detector for a crop.

    Attributes:
        patient_id: Patient.
        diameter_mm: Diameter of the nodule.
        logit: Highest logit in the nodule.
        others: Logits of peaks outside.
        litres: Volume of the surroundings.
    """

    patient_id: str
    diameter_mm: float
    logit: float
    others: Sequence[float]
    litres: float


def search_crop(net: DetectorNet, crop: Crop) -> CropResult:
    """Search a crop at 1 and 2 mm; beyond its faces its nearest voxels go on."""
    best, others = -np.inf, []
    levels, placed = zip(*(_place(crop, spacing_mm) for spacing_mm in LEVELS_MM), strict=True)
    detections, _ = detect(net, levels)
    # in the finest level's voxels
    near = distance_transform_edt(placed[0].nodule <= NODULE_SHARE) <= RIM
    grid = levels[0].grid
    for detection in detections:
        index = np.rint(grid.to_index(np.array(detection.center_mm))).astype(int)
        if near[tuple(index.clip(0, np.array(near.shape) - 1))]:
            best = max(best, detection.logit)
        else:
            others.append(detection.logit)
    voxel_litres = LEVELS_MM[0] ** 3 / 1e6
    litres = float((levels[0].searched & ~near).sum()) * voxel_litres
    return CropResult(crop.patient_id, crop.diameter_mm, best, others, litres)


def _place(crop: Crop, spacing_mm: float) -> tuple[Level, Placed]:
    """Return a crop as a level, with its nodule in the middle, which is the origin."""
    extent_mm = max(np.multiply(crop.hu.shape, crop.spacing_mm))
    size = MULTIPLE * int(np.ceil((extent_mm / spacing_mm + MULTIPLE) / MULTIPLE))
    middle = np.full(3, size / 2 - 0.5)
    placed = place(crop, pitch_mm=spacing_mm, middle=middle, size=size)
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = -middle * spacing_mm
    hu = np.rint(np.maximum(placed.hu, OUTSIDE_HU)).astype(np.int16)
    grid = Grid((size,) * 3, affine)
    return Level(hu=hu, searched=placed.depth > 0, grid=grid), placed


def recall_table(results: Sequence[CropResult]) -> list[dict[str, float | str | list[float]]]:
    """Return the recall by size and false positives a litre, with 95 % intervals over patients."""
    litres = sum(result.litres for result in results)
    others = np.sort([logit for result in results for logit in result.others])[::-1]
    rows: list[dict[str, float | str | list[float]]] = []
    for low, high in (*SIZES_MM, (SIZES_MM[0][0], SIZES_MM[-1][1])):
        chosen = [result for result in results if low <= result.diameter_mm < high]
        if not chosen:
            continue
        people = np.array([result.patient_id for result in chosen])
        row: dict[str, float | str | list[float]] = {"mm": f"{low}-{high}", "nodules": len(chosen)}
        for rate in PER_LITRE:
            allowed = int(rate * litres)
            threshold = others[allowed] if allowed < len(others) else -np.inf
            is_found = np.array([result.logit > threshold for result in chosen], float)
            interval = mean_interval(is_found, people)
            row[f"recall_at_{rate}"] = round(float(is_found.mean()), 4)
            row[f"recall_at_{rate}_ci95"] = [round(float(bound), 4) for bound in interval]
        rows.append(row)
    return rows
