"""DICOM Segmentations (PS3.3 A.51): binary, fractional and label maps.

A frame holds a plane of a segment. Frames come in any order, and only where something is; each is
placed by its own position and orientation, never by its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.masks.mask import Mask, MaskFault, refuse_size
from lungcam.masks.planes import distinct, plane_step
from lungcam.scans.multi_frame import group_value

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
SAME_COSINE = 1e-3
# frames may lie off a straight line by this much, in pixels
LEAST_SIDEWAYS = 0.1
GROUPS = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A segment of a file.

    Attributes:
        number: SegmentNumber.
        label: SegmentLabel.
        kind: Meaning of the coded property type, such as Nodule.
    """

    number: int
    label: str
    kind: str

    def is_named(self, text: str) -> bool:
        """Return True if a text is the number, the label or the kind, in any case."""
        names = (str(self.number), self.label.lower(), self.kind.lower())
        return text.strip().lower() in names


@dataclass(frozen=True, eq=False, kw_only=True)
class _Frame:
    """Place of a frame.

    Attributes:
        index: Index in the file, from 0.
        position: `(3,)` LPS mm of the first pixel.
        axes: `(3, 3)` unit LPS rows: of growing column index, of growing row index, the normal.
        spacing: Distance between columns and between rows in mm.
        order: Axes of the stored `(columns, rows)` pixels that become these, and whether each is
            reversed.
    """

    index: int
    position: np.ndarray
    axes: np.ndarray
    spacing: tuple[float, float]
    order: tuple[tuple[int, int], tuple[bool, bool]] = ((0, 1), (False, False))

    def turned(self, pixels: np.ndarray) -> np.ndarray:
        """Return stored pixels `(rows, columns)` along the axes, as `(columns, rows)`."""
        axes, backwards = self.order
        steps = tuple(slice(None, None, -1 if reverse else 1) for reverse in backwards)
        return pixels.T.transpose(axes)[steps]


def list_segments(dataset: Dataset) -> list[Segment]:
    """Return the segments of a Segmentation."""
    return [
        Segment(
            number=int(item.SegmentNumber),
            label=" ".join(str(item.get("SegmentLabel", "")).split()),
            kind=_meaning(item.get("SegmentedPropertyTypeCodeSequence")),
        )
        for item in dataset.get("SegmentSequence", [])
        # the background of a label map
        if int(item.SegmentNumber) > 0
    ]


def choose_segments(segments: Sequence[Segment], segment: str | None) -> list[int]:
    """Return the numbers of the segments that a text names, or of the only one.

    Args:
        segments: From `list_segments`.
        segment: Number, label or kind, or several, separated by commas.

    Raises:
        MaskFault: There is no such segment, or nothing chooses one of several.
    """
    listed = ", ".join(f"{item.number} ({item.label})" for item in segments) or "none"
    if segment is None:
        if len(segments) == 1:
            return [segments[0].number]
        raise MaskFault(f"it has {len(segments)} segments, and none is named; it has {listed}")
    whole = [item.number for item in segments if item.is_named(segment)]
    if whole:
        return whole
    numbers = []
    for text in segment.split(","):
        chosen = [item.number for item in segments if item.is_named(text)]
        if not chosen:
            raise MaskFault(f"it has no segment {text.strip()}; it has {listed}")
        numbers += chosen
    return numbers


def read_segmentation(
    file: Path, segment: str | None = None, *, slice_mm: float | None = None, series_uid: str = ""
) -> Mask:
    """Read segments of a DICOM Segmentation as one mask.

    Args:
        file: DICOM file.
        segment: See `choose_segments`.
        slice_mm: Distance of the scan's slices, for a file that does not show its own.
        series_uid: SeriesInstanceUID of the scan.

    Raises:
        MaskFault: The file has no such segment, or its frames form no volume.
        OSError: The file cannot be read.
    """
    dataset = pydicom.dcmread(file)
    numbers = choose_segments(list_segments(dataset), segment)
    frames = [
        _place(dataset, index)
        for index in range(int(dataset.get("NumberOfFrames", 1)))
        if _segment_number(dataset, index) in (None, *numbers)
    ]
    if not frames:
        raise MaskFault("no frame shows the segment")
    shape = int(dataset.Columns), int(dataset.Rows)
    frames = [_along(frame, frames[0], shape=shape) for frame in frames]
    source = source_series(dataset)
    own_mm = slice_mm if source == series_uid != "" else None
    volume = _Volume(frames, _step_candidates(dataset, frames, own_mm=own_mm, slice_mm=slice_mm))
    scale = _scale(dataset)
    refuse_size((*shape, volume.depth))
    share = np.zeros((*shape, volume.depth), bool if scale is None else np.float32)
    for frame, pixels in zip(
        frames, iter_pixels(dataset, indices=[frame.index for frame in frames]), strict=True
    ):
        if dataset.SOPClassUID == LABEL_MAP:
            pixels = np.isin(pixels, numbers)
        elif scale is not None:
            pixels = pixels.astype(np.float32) / scale
        plane = share[:, :, volume.plane_of(frame)]
        # of two segments in a voxel the larger share counts
        np.maximum(plane, frame.turned(pixels).astype(share.dtype), out=plane)
    return Mask(
        share=share,
        grid=volume.grid(shape),
        frame_uid=str(dataset.get("FrameOfReferenceUID", "")),
        series_uid=source,
        drawn_on={
            uid: frame.position for frame in frames if (uid := _source_slice(dataset, frame.index))
        },
    )


def _along(frame: _Frame, first: _Frame, *, shape: tuple[int, int]) -> _Frame:
    """Return a frame with the axes of another, which may be exchanged or reversed in its file.

    Raises:
        MaskFault: The frames are not parallel, or have other pixels.
    """
    turn = first.axes[:2] @ frame.axes[:2].T
    axes = tuple(int(axis) for axis in np.abs(turn).argmax(axis=1))
    signs = np.array([turn[k, axis] for k, axis in enumerate(axes)])
    rest = turn.copy()
    rest[range(2), axes] = 0
    spacing = tuple(frame.spacing[axis] for axis in axes)
    if (
        sorted(axes) != [0, 1]
        or max(np.abs(rest).max(), np.abs(np.abs(signs) - 1).max()) > SAME_COSINE
        or np.abs(np.subtract(spacing, first.spacing)).max() > 1e-3
        or tuple(shape[axis] for axis in axes) != shape
    ):
        raise MaskFault("its frames have different orientations or pixel spacings")
    position = frame.position
    for axis, sign in zip(axes, signs, strict=True):
        if sign < 0:
            position = position + frame.axes[axis] * frame.spacing[axis] * (shape[axis] - 1)
    return _Frame(
        index=frame.index,
        position=position,
        axes=first.axes,
        spacing=spacing,
        order=(axes, (bool(signs[0] < 0), bool(signs[1] < 0))),
    )


class _Volume:
    """Frames as planes of a volume.

    Args:
        frames: The frames.
        steps: Candidates of the distance between planes; see `plane_step`.

    Raises:
        MaskFault: The frames are not evenly spaced, or not in line.
    """

    def __init__(self, frames: Sequence[_Frame], steps: Sequence[float | None]):
        self.first = first = frames[0]
        self.places = np.array([frame.position for frame in frames]) @ first.axes.T
        heights = distinct(self.places[:, 2])
        step = plane_step(heights, steps)
        if step is None:
            raise MaskFault("its frames are not evenly spaced")
        self.lowest, self.step = float(heights[0]), step
        self.depth = round((heights[-1] - heights[0]) / step) + 1
        self.lean = self._lean()

    def _lean(self) -> np.ndarray:
        """Return the `(2,)` shift in mm from plane to plane, which a tilted gantry causes."""
        along = (self.places[:, 2] - self.lowest) / self.step
        offsets = self.places[:, :2] - self.places[np.argmin(along), :2]
        last = int(np.argmax(along))
        lean = offsets[last] / along[last] if along[last] > 0.5 else np.zeros(2)
        off_line = np.abs(offsets - along[:, None] * lean).max()
        if off_line > max(LEAST_SIDEWAYS * min(self.first.spacing), 0.05):
            raise MaskFault("its frames are shifted sideways against each other")
        return lean

    def plane_of(self, frame: _Frame) -> int:
        """Return the index of a frame's plane."""
        height = frame.position @ self.first.axes[2]
        return round((height - self.lowest) / self.step)

    def grid(self, shape: tuple[int, int]) -> Grid:
        """Return the grid of frames of a shape, `(columns, rows)`."""
        row, column, normal = self.first.axes
        lps = np.eye(4)
        lps[:3, 0], lps[:3, 1] = row * self.first.spacing[0], column * self.first.spacing[1]
        lps[:3, 2] = normal * self.step + row * self.lean[0] + column * self.lean[1]
        lowest = int(np.argmin(self.places[:, 2]))
        lps[:3, 3] = self.places[lowest] @ self.first.axes
        return Grid((*shape, self.depth), LPS_TO_RAS @ lps)


def _step_candidates(
    dataset: Dataset, frames: Sequence[_Frame], *, own_mm: float | None, slice_mm: float | None
) -> list[float | None]:
    """Return distances that the planes may have, the most trustworthy first."""
    heights = distinct(np.array([frame.position for frame in frames]) @ frames[0].axes[2])
    gaps = np.diff(heights)
    groups = _groups(dataset, frames[0].index)
    stated = [
        group_value(groups, "PixelMeasuresSequence", keyword=keyword)
        for keyword in ("SpacingBetweenSlices", "SliceThickness")
    ]
    between, thickness = (abs(float(value)) if value else None for value in stated)
    smallest = float(gaps.min()) if len(gaps) else None
    return [own_mm, between, smallest, thickness, slice_mm, 1.0 if not len(gaps) else None]


def _groups(dataset: Dataset, index: int) -> list[Dataset]:
    """Return the functional groups of a frame: its own, and those that all frames share."""
    own, shared = (list(dataset.get(name, [])) for name in GROUPS)
    if index >= len(own) > 0 or not (own or shared):
        raise MaskFault("a frame has no place")
    return [*own[index : index + 1], *shared[:1]]


def _place(dataset: Dataset, index: int) -> _Frame:
    """Return the place of a frame.

    Raises:
        MaskFault: The frame has none.
    """
    groups = _groups(dataset, index)
    position, orientation, spacing = (
        group_value(groups, sequence, keyword=keyword)
        for sequence, keyword in (
            ("PlanePositionSequence", "ImagePositionPatient"),
            ("PlaneOrientationSequence", "ImageOrientationPatient"),
            ("PixelMeasuresSequence", "PixelSpacing"),
        )
    )
    if position is None or orientation is None or spacing is None:
        raise MaskFault("a frame has no position, orientation or pixel spacing")
    row, column = np.array(orientation, float).reshape(2, 3)
    lengths = np.linalg.norm([row, column], axis=1)
    if np.abs(lengths - 1).max() > 0.01 or abs(row @ column) > 0.01:
        raise MaskFault("a frame's orientation is no pair of unit vectors at right angles")
    row, column = row / lengths[0], column / lengths[1]
    normal = np.cross(row, column)
    between_rows, between_columns = (float(mm) for mm in spacing)
    return _Frame(
        index=index,
        position=np.array(position, float),
        axes=np.stack([row, column, normal / np.linalg.norm(normal)]),
        spacing=(between_columns, between_rows),
    )


def _segment_number(dataset: Dataset, index: int) -> int | None:
    """Return the segment of a frame; None for a label map, which shows all in each frame."""
    number = group_value(
        _groups(dataset, index),
        "SegmentIdentificationSequence",
        keyword="ReferencedSegmentNumber",
    )
    if number is None and dataset.SOPClassUID != LABEL_MAP:
        raise MaskFault("a frame names no segment")
    return None if number is None or dataset.SOPClassUID == LABEL_MAP else int(number)


def _scale(dataset: Dataset) -> float | None:
    """Return the value of a full voxel of a fractional segmentation, None for other kinds."""
    if str(dataset.get("SegmentationType", "BINARY")) != "FRACTIONAL":
        return None
    return float(dataset.get("MaximumFractionalValue", 255)) or 255.0


def source_series(dataset: Dataset) -> str:
    """Return the SeriesInstanceUID of the scan that was segmented, "" if it is not named."""
    series = dataset.get("ReferencedSeriesSequence", [])
    return str(series[0].get("SeriesInstanceUID", "")) if len(series) == 1 else ""


def _source_slice(dataset: Dataset, index: int) -> str:
    """Return the SOPInstanceUID of the slice that a frame was drawn on, "" if it names none."""
    images = group_value(
        _groups(dataset, index), "DerivationImageSequence", keyword="SourceImageSequence"
    )
    # of several, or of a frame of many, the place is not known by the UID
    if not images or len(images) != 1 or "ReferencedFrameNumber" in images[0]:
        return ""
    return str(images[0].get("ReferencedSOPInstanceUID", ""))


def _meaning(codes: Any) -> str:
    return str(codes[0].get("CodeMeaning", "")) if codes else ""
