"""Crops around nodules, from which the detector learns what a nodule is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from lungcam.cohorts import Sample
from lungcam.data.lesion_mask import FULL_SHARE, lesion_share
from lungcam.detection.host import equivalent_diameter
from lungcam.detection.pyramid import HIGH_HU, LOW_HU
from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.scans import Scan, read_scan

# of a crop that is cut out of a whole scan, around the nodule; with less than the least, since
# another nodule is near, it is left out
MARGIN_MM, LEAST_MARGIN_MM = 14.0, 5.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Crop:
    """A nodule with what surrounds it.

    Attributes:
        sample_id: Its sample.
        patient_id: Its patient.
        hu: `(W, H, D)` float32 HU, along R, A and S.
        nodule: `(W, H, D)` float32, 1 in the nodule.
        spacing_mm: `(3,)` spacing.
        diameter_mm: Diameter of a ball of its volume.
    """

    sample_id: str
    patient_id: str
    hu: np.ndarray
    nodule: np.ndarray
    spacing_mm: np.ndarray
    diameter_mm: float

    @property
    def center(self) -> np.ndarray:
        """Middle of the nodule in voxels, `(3,)`."""
        return np.argwhere(self.nodule > 0).mean(axis=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Placed:
    """A crop resampled into a cube.

    Attributes:
        hu: `(n, n, n)` HU; beyond the crop its nearest voxels go on.
        nodule: `(n, n, n)` share of the nodule.
        depth: `(n, n, n)` distance in voxels from the crop's faces, below 0 outside.
    """

    hu: np.ndarray
    nodule: np.ndarray
    depth: np.ndarray


def read_crop(sample: Sample) -> Crop:
    """Read the crop of a sample.

    Raises:
        InputError: It cannot be read, or its outline is missing or empty.
    """
    if sample.lesion_mask is None:
        raise InputError(f"{sample.image}: no outline of its nodule; add a column mask.")
    scan = read_scan(sample.image, sample.series, whole_chest=False)
    canonical = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, target=canonical)
    nodule = lesion_share(sample, canonical, scan=scan) > FULL_SHARE // 2
    if not nodule.any():
        raise InputError(f"{sample.lesion_mask}: no nodule in it on the grid of {sample.image}.")
    voxel_mm3 = float(np.prod(canonical.spacing_mm))
    return Crop(
        sample_id=sample.sample_id,
        patient_id=sample.patient_id,
        hu=hu.clip(LOW_HU, HIGH_HU).astype(np.float32),
        nodule=nodule.astype(np.float32),
        spacing_mm=np.array(canonical.spacing_mm),
        diameter_mm=equivalent_diameter(float(nodule.sum()) * voxel_mm3),
    )


def cut_crops(sample: Sample, scan: Scan) -> list[Crop]:
    """Cut the nodules of a scan out, each a ball with what surrounds it.

    Args:
        sample: Sample of the scan; its `nodules` that count are cut out.
        scan: The scan.
    """
    canonical = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, target=canonical)
    nodules = [nodule for nodule in sample.nodules if nodule.counts]
    crops = []
    for number, nodule in enumerate(nodules):
        center, radius = np.array(nodule.center_mm), nodule.diameter_mm / 2
        room_mm = [
            float(np.abs(np.array(other.center_mm) - center).max()) - other.diameter_mm / 2
            for other in nodules
            if other is not nodule
        ]
        half_mm = min([radius + MARGIN_MM, *room_mm])
        if half_mm < radius + LEAST_MARGIN_MM:
            continue
        box = _box(canonical, center, half_mm=half_mm)
        grid = canonical.crop(box)
        points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
        ball = np.linalg.norm(points - center, axis=-1) <= radius
        if ball.any():
            crops.append(
                Crop(
                    sample_id=f"{sample.sample_id}_{number + 1}",
                    patient_id=sample.patient_id,
                    hu=hu[box].clip(LOW_HU, HIGH_HU).astype(np.float32),
                    nodule=ball.astype(np.float32),
                    spacing_mm=np.array(grid.spacing_mm),
                    diameter_mm=nodule.diameter_mm,
                )
            )
    return crops


def _box(grid: Grid, center_mm: np.ndarray, *, half_mm: float) -> tuple[slice, slice, slice]:
    """Return the voxels of a grid within a box around a centre."""
    center, reach = grid.to_index(center_mm), half_mm / np.array(grid.spacing_mm)
    low = np.clip(np.ceil(center - reach), 0, grid.shape).astype(int)
    high = np.clip(np.floor(center + reach) + 1, low, grid.shape).astype(int)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return x, y, z


def place(
    crop: Crop,
    *,
    pitch_mm: float,
    middle: np.ndarray,
    size: int,
    axes: Sequence[int] = (0, 1, 2),
    signs: Sequence[int] = (1, 1, 1),
) -> Placed:
    """Resample a crop into a cube, linearly.

    Args:
        crop: The crop.
        pitch_mm: Millimetres of the crop from voxel to voxel of the cube.
        middle: `(3,)` place of the nodule's middle, in voxels of the cube.
        size: Side n of the cube.
        axes: Axis of the crop along each axis of the cube.
        signs: -1 to mirror along an axis of the cube.
    """
    index: list[np.ndarray] = [np.empty(0)] * 3
    depth = np.full((size,) * 3, np.inf, np.float32)
    center = crop.center
    for cube_axis, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        offset_mm = sign * (np.arange(size) - middle[cube_axis]) * pitch_mm
        line = offset_mm / crop.spacing_mm[axis] + center[axis]
        index[axis] = line
        end = crop.hu.shape[axis] - 0.5
        distance = np.minimum(line + 0.5, end - line) * crop.spacing_mm[axis] / pitch_mm
        shape = [size if other == cube_axis else 1 for other in range(3)]
        depth = np.minimum(depth, distance.reshape(shape))
    points = np.meshgrid(*index, indexing="ij")
    hu = map_coordinates(crop.hu, points, order=1, mode="nearest")
    nodule = map_coordinates(crop.nodule, points, order=1, mode="constant")
    return Placed(hu=hu.transpose(axes), nodule=nodule.transpose(axes), depth=depth)
