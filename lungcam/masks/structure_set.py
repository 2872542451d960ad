"""Regions of an RT Structure Set (PS3.3 A.19): closed planar contours in mm.

The contours of a plane are filled by the even-odd rule, so that a contour within another is a hole,
whether drawn as a contour of its own or joined to the outer one by a keyhole. Planes without a
contour are empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.masks.mask import Mask, MaskFault, refuse_size
from lungcam.masks.planes import distinct, plane_step

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
# types of contours that have an inside
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
# a contour's points may lie off its plane by this much
PLANAR_MM = 0.1
# planning systems put corners on the voxels' centres, where rounding would decide; voxels are
# judged this far from their centres, in voxels, in turn on either side, so that no side gains
OFF_CENTER = 0.1
SAME_COSINE = 1e-3
LISTED = 30


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region of interest.

    Attributes:
        number: ROINumber.
        name: ROIName.
        frame_uid: FrameOfReferenceUID of its points.
    """

    number: int
    name: str
    frame_uid: str


def list_regions(dataset: Dataset) -> list[Region]:
    """Return the regions of a structure set, without those that have no closed contour."""
    drawn = {
        int(item.ReferencedROINumber)
        for item in dataset.get("ROIContourSequence", [])
        if any(_is_closed(contour) for contour in item.get("ContourSequence") or [])
    }
    return [
        Region(
            number=int(item.ROINumber),
            name=" ".join(str(item.get("ROIName", "")).split()),
            frame_uid=str(item.get("ReferencedFrameOfReferenceUID", "")),
        )
        for item in dataset.get("StructureSetROISequence", [])
        if int(item.ROINumber) in drawn
    ]


def choose_region(regions: Sequence[Region], name: str | None) -> Region:
    """Return the region of a name or number, or the only one.

    Raises:
        MaskFault: There is no such region, or nothing chooses one of several.
    """
    listed = ", ".join(region.name for region in regions[:LISTED]) or "none"
    if name is None and len(regions) == 1:
        return regions[0]
    if name is None:
        raise MaskFault(f"it has {len(regions)} regions, and none is named; it has {listed}")
    text = name.strip().lower()
    chosen = [region for region in regions if region.name.lower() == text]
    chosen = chosen or [region for region in regions if str(region.number) == text]
    if len(chosen) != 1:
        count = "no" if not chosen else str(len(chosen))
        raise MaskFault(f"it has {count} region {name} with closed contours; it has {listed}")
    return chosen[0]


def read_structure_set(file: Path, scan: Grid, *, roi: str | None = None) -> Mask:
    """Read a region as a mask, its voxels as wide and deep in the planes as the scan's.

    Where the contours lie in planes of the scan, the columns and rows are the scan's own.

    Args:
        file: DICOM file.
        scan: Grid of the scan.
        roi: Name or number of the region; None for the only one.

    Raises:
        MaskFault: The file has no such region, or its contours are not those of parallel planes.
        OSError: The file cannot be read.
    """
    dataset = pydicom.dcmread(file)
    region = choose_region(list_regions(dataset), roi)
    (item,) = (
        item
        for item in dataset.ROIContourSequence
        if int(item.ReferencedROINumber) == region.number
    )
    contours = [contour for contour in item.ContourSequence if _is_closed(contour)]
    points = [np.array(contour.ContourData, float).reshape(-1, 3) for contour in contours]
    axes = _axes(points, scan)
    share, grid = _fill([each @ axes.directions for each in points], axes, scan=scan)
    return Mask(
        share=share,
        grid=grid,
        frame_uid=region.frame_uid or str(dataset.get("FrameOfReferenceUID", "")),
        series_uid=contoured_series(dataset),
        drawn_on=_drawn_on(contours, points),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Axes:
    """Axes of the filled planes.

    Attributes:
        directions: `(3, 3)` unit LPS columns: along the rows, down the columns, the normal.
        spacing: Distance of voxels along the first two in mm.
        origin: Coordinates of a voxel along the first two in mm.
        depth_mm: Distance of the scan's slices along the normal; None if it has none there.
    """

    directions: np.ndarray
    spacing: np.ndarray
    origin: np.ndarray
    depth_mm: float | None


def _axes(points: Sequence[np.ndarray], scan: Grid) -> _Axes:
    """Return the scan's axes if the contours lie in its planes, else axes of their own."""
    normal = _normal(max(points, key=_extent))
    lps = LPS_TO_RAS @ scan.affine
    spacing = np.array(scan.spacing_mm)
    directions = lps[:3, :3] / spacing
    along = int(np.argmax(np.abs(directions.T @ normal)))
    first, second = (axis for axis in range(3) if axis != along)
    upright = np.abs(directions.T @ directions - np.eye(3)).max() < SAME_COSINE
    if upright and abs(directions[:, along] @ normal) > 1 - SAME_COSINE**2:
        directions = directions[:, [first, second, along]]
        return _Axes(
            directions=directions,
            spacing=spacing[[first, second]],
            origin=lps[:3, 3] @ directions[:, :2],
            depth_mm=float(spacing[along]),
        )
    # any direction in the plane
    row = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    row /= np.linalg.norm(row)
    return _Axes(
        directions=np.stack([row, np.cross(normal, row), normal], axis=1),
        spacing=np.full(2, spacing.min()),
        origin=np.zeros(2),
        depth_mm=None,
    )


def _extent(points: np.ndarray) -> float:
    return float(np.ptp(points, axis=0).max())


def _normal(points: np.ndarray) -> np.ndarray:
    """Return the unit normal of the plane through points.

    Raises:
        MaskFault: The points lie in a line.
    """
    _, sizes, rows = np.linalg.svd(points - points.mean(axis=0))
    if len(sizes) < 3 or sizes[1] < 1e-6:
        raise MaskFault("its largest contour has no area")
    return rows[2]


def _fill(points: Sequence[np.ndarray], axes: _Axes, *, scan: Grid) -> tuple[np.ndarray, Grid]:
    """Fill contours given along the axes, `(n, 3)` mm each, and return the voxels and their grid.

    Raises:
        MaskFault: A contour does not lie in a plane, or the planes are not evenly spaced.
    """
    middles = np.array([each[:, 2].mean() for each in points])
    if max(float(np.abs(each[:, 2] - z).max()) for each, z in zip(points, middles, strict=True)) > (
        PLANAR_MM
    ):
        raise MaskFault("its contours do not lie in parallel planes")
    heights = distinct(middles)
    gaps = np.diff(heights)
    smallest = float(gaps.min()) if len(gaps) else None
    step = plane_step(heights, [smallest, axes.depth_mm, min(scan.spacing_mm)])
    if step is None:
        raise MaskFault("the planes of its contours are not evenly spaced")
    flat = np.concatenate(points)[:, :2]
    low = np.floor((flat.min(axis=0) - axes.origin) / axes.spacing).astype(int) - 1
    high = np.ceil((flat.max(axis=0) - axes.origin) / axes.spacing).astype(int) + 2
    depth = round((heights[-1] - heights[0]) / step) + 1
    start = axes.origin + low * axes.spacing
    refuse_size((*(high - low), depth))
    toggles = np.zeros((*(high - low), depth), np.int32)
    for each, z in zip(points, middles, strict=True):
        number = round((z - heights[0]) / step)
        corners = (each[:, :2] - start) / axes.spacing
        _toggle(toggles[:, :, number], corners, upwards=number % 2 == 0)
    lps = np.eye(4)
    lps[:3, :2] = axes.directions[:, :2] * axes.spacing
    lps[:3, 2] = axes.directions[:, 2] * step
    lps[:3, 3] = axes.directions @ [*start, heights[0]]
    return np.cumsum(toggles, axis=0) % 2 == 1, Grid(toggles.shape, LPS_TO_RAS @ lps)


def _toggle(plane: np.ndarray, points: np.ndarray, *, upwards: bool) -> None:
    """Count in each row of voxels the edges of a closed contour by the first voxel behind them.

    A voxel's centre is inside if an odd number of edges lies before it in its row (Shimrat, CACM
    5, 1962). Each edge holds its lower end and not its upper, so that a corner counts once.

    Args:
        plane: `(W, H)` counts, changed in place.
        points: `(n, 2)` corners in voxels.
        upwards: The side of their centres on which rows are judged.
    """
    points = points - [0, OFF_CENTER if upwards else -OFF_CENTER]
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        low, high = sorted((y0, y1))
        rows = np.arange(int(np.ceil(low)), int(np.ceil(high)))
        crossings = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
        crossings += np.where(rows % 2 == 0, OFF_CENTER, -OFF_CENTER)
        np.add.at(plane, (np.ceil(crossings).astype(int), rows), 1)


def _is_closed(contour: Dataset) -> bool:
    kind = str(contour.get("ContourGeometricType", "")).upper()
    return kind in CLOSED and len(contour.get("ContourData") or []) >= 9


def contoured_series(dataset: Dataset) -> str:
    """Return the SeriesInstanceUID of the scan that was contoured, "" if it is not the only one."""
    uids = {
        str(series.get("SeriesInstanceUID", ""))
        for frame in dataset.get("ReferencedFrameOfReferenceSequence", [])
        for study in frame.get("RTReferencedStudySequence", [])
        for series in study.get("RTReferencedSeriesSequence", [])
    }
    return uids.pop() if len(uids) == 1 else ""


def _drawn_on(contours: Sequence[Dataset], points: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return a point of each contour by the slice that it was drawn on."""
    drawn_on = {}
    for contour, each in zip(contours, points, strict=True):
        images = contour.get("ContourImageSequence") or []
        if len(images) == 1 and "ReferencedFrameNumber" not in images[0]:
            drawn_on[str(images[0].get("ReferencedSOPInstanceUID", ""))] = each[0]
    return drawn_on
