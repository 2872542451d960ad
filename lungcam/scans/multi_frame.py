"""Frames of an Enhanced CT (PS3.3 A.38) as slices: each has a place and a scale of its own.

The attributes of a frame stand in the functional groups that all frames share, or in its own.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydicom.dataset import Dataset

from lungcam.scans.dicom_header import (
    ACQUISITION,
    UNDEFINED_LENGTH,
    DamagedHeader,
    Header,
    read_dataset,
)

ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def is_enhanced(header: Header) -> bool:
    """Return True for an Enhanced or Legacy Converted Enhanced CT with an image."""
    return header.sop_class in ENHANCED_CT and header.modality == "CT"


def read_frames(header: Header) -> list[Header]:
    """Return a header for each frame of an enhanced CT.

    Args:
        header: Header of the file.

    Raises:
        OSError: The file cannot be opened or read.
        DamagedHeader: The functional groups cannot be read, or there is not one for each frame.
    """
    if header.truncated:
        return [header]
    try:
        with header.file.open("rb") as stream:
            dataset = read_dataset(stream, GROUPS)
        shared = [*dataset.get(GROUPS[0], []), Dataset()][0]
        groups = list(dataset.get(GROUPS[1], []))
        if len(groups) != header.frames:
            raise DamagedHeader(str(header.file))
        return [_frame(header, index, groups=(group, shared)) for index, group in enumerate(groups)]
    except OSError:
        raise
    # pydicom raises nearly any error for damaged bytes
    except Exception as error:
        raise DamagedHeader(str(header.file)) from error


def _frame(header: Header, index: int, *, groups: Sequence[Dataset]) -> Header:
    """Return the header of a frame."""

    def numbers(sequence: str, keyword: str, count: int) -> tuple[float, ...] | None:
        value = group_value(groups, sequence, keyword=keyword)
        try:
            values = tuple(map(float, [value] if count == 1 else value))
        except (TypeError, ValueError):
            return None
        return values if len(values) == count else None

    def text(sequence: str, keyword: str) -> str:
        value = group_value(groups, sequence, keyword=keyword)
        return "" if value is None else str(value)

    transformation = "PixelValueTransformationSequence"
    slope, intercept = (
        (numbers(transformation, keyword, 1) or (None,))[0]
        for keyword in ("RescaleSlope", "RescaleIntercept")
    )
    place = {}
    if header.pixel_offset is not None and header.pixel_length != UNDEFINED_LENGTH:
        length = (header.rows or 0) * (header.columns or 0) * header.bits_allocated // 8
        place = {"pixel_offset": header.pixel_offset + index * length, "pixel_length": length}
    acquisition = dict.fromkeys(ACQUISITION, "") | {
        "AcquisitionNumber": text("FrameContentSequence", "FrameAcquisitionNumber"),
        "TemporalPositionIdentifier": text("FrameContentSequence", "TemporalPositionIndex"),
        "AcquisitionDateTime": text("FrameContentSequence", "FrameAcquisitionDateTime"),
        "SliceThickness": text("PixelMeasuresSequence", "SliceThickness"),
    }
    frame_type = group_value(groups, "CTImageFrameTypeSequence", keyword="FrameType") or ()
    return replace(
        header,
        image_type=tuple(str(value).upper() for value in frame_type) or header.image_type,
        kernel=text("CTReconstructionSequence", "ConvolutionKernel") or header.kernel,
        position=numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        orientation=numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        pixel_spacing=numbers("PixelMeasuresSequence", "PixelSpacing", 2),
        slope=slope,
        intercept=intercept,
        rescale_type=text(transformation, "RescaleType").upper(),
        frame=index,
        acquisition=acquisition,
        **place,
    )


def group_value(groups: Sequence[Dataset], sequence: str, *, keyword: str) -> Any:
    """Return a value from the frame's own group, else from the shared one; None if in neither."""
    for group in groups:
        items = group.get(sequence)
        if items and items[0].get(keyword) is not None:
            return items[0].get(keyword)
    return None
