"""A DICOM file's header: what places and scales a slice, and nothing of the patient.

The values are taken from the raw bytes and not through pydicom's conversion, which warns of odd
values by citing them, and is several times slower.
"""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

# only these are read: no tag that identifies a person enters the program
NAMES = (
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "ConvolutionKernel",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "LossyImageCompression",
)
TAGS = {name: tag_for_keyword(name) for name in NAMES}
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
DEFLATED = "1.2.840.10008.1.2.1.99"
LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True, eq=False, kw_only=True)
class Header:
    """What one DICOM file says of itself; what is missing or cannot be understood is None or "".

    Attributes:
        file: The file.
        modality: Such as CT.
        sop_class: UID of the kind of object.
        sop_uid: SOPInstanceUID.
        image_type: Upper-case values of ImageType.
        uid: SeriesInstanceUID.
        study_uid: StudyInstanceUID.
        frame_uid: FrameOfReferenceUID.
        kernel: ConvolutionKernel.
        position: LPS mm of the first pixel.
        orientation: Six direction cosines, LPS: of growing column index, of growing row index.
        pixel_spacing: mm between rows, between columns.
        rows: Pixels down the image.
        columns: Pixels across the image.
        frames: Images in the file.
        colour: Whether a pixel is anything but one grey value.
        bits: BitsAllocated, BitsStored, HighBit.
        signed: Whether stored values are in two's complement.
        padding: PixelPaddingValue, a stored value.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        rescale_type: RescaleType.
        lossy: Whether the pixels were ever compressed with loss.
        syntax: Transfer syntax UID.
        big_endian: Byte order of the pixels.
        pixels_at: Offset in the file of the first byte of the pixel data's value.
        pixel_bytes: Its length by the header, `UNDEFINED` for encapsulated frames.
        file_bytes: Length of the file.
        cut: Whether the file ends within its header.
    """

    file: Path
    modality: str
    sop_class: str
    sop_uid: str
    image_type: tuple[str, ...]
    uid: str
    study_uid: str
    frame_uid: str
    kernel: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, ...] | None
    rows: int | None
    columns: int | None
    frames: int
    colour: bool
    bits: tuple[int, int, int]
    signed: bool
    padding: int | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    lossy: bool
    syntax: str
    big_endian: bool
    pixels_at: int | None
    pixel_bytes: int
    file_bytes: int
    cut: bool

    @property
    def native(self) -> bool:
        """Whether the pixels stand in the file as they are, 16 bits each."""
        return self.syntax in NATIVE and self.bits[0] == 16 and self.pixel_bytes != UNDEFINED


class DamagedHeader(Exception):
    """A file that bears the marks of DICOM and cannot be understood."""


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its first bytes; one that may not be read could be.

    PS3.10 puts 'DICM' after 128 bytes; files of old exports begin at once with group 2 or 8. A
    DICOMDIR, the table of contents of a disc, is no image.
    """
    if not path.is_file() or path.name.upper() == "DICOMDIR" or path.name.startswith("."):
        return False
    try:
        with path.open("rb") as stream:
            return begins_dicom(stream.read(132))
    except OSError:
        return path.suffix.lower() in ("", ".dcm")


def begins_dicom(start: bytes) -> bool:
    """Whether a file's first 132 bytes are those of a DICOM file."""
    if start[128:132] == b"DICM":
        return True
    if start[:2] not in (b"\x02\0", b"\x08\0") or start[3:4] not in (b"\0", b"\x01"):
        return False
    # an explicit VR, or else the length of a first value, which is short
    return (start[4:6].isalpha() and start[4:6].isupper()) or (
        len(start) >= 8 and 0 < int.from_bytes(start[4:8], "little") < 128
    )


def read_header(file: Path) -> Header:
    """Read a DICOM file's header.

    Raises:
        OSError: The file cannot be opened or read.
        DamagedHeader: Its header cannot be understood.
    """
    with file.open("rb") as stream:
        try:
            dataset = pydicom.dcmread(
                stream, stop_before_pixels=True, force=True, specific_tags=list(TAGS.values())
            )
            return _header(file, stream, dataset=dataset)
        except OSError:
            raise
        # pydicom raises nearly anything for nearly anything
        except Exception as error:
            raise DamagedHeader(str(file)) from error


def _header(file: Path, stream: BinaryIO, *, dataset: pydicom.FileDataset) -> Header:
    file_bytes = os.fstat(stream.fileno()).st_size
    implicit, little = dataset.original_encoding
    present = dataset.keys()
    raw = {
        name: element
        for name, tag in TAGS.items()
        if tag in present and isinstance(element := dataset.get_item(tag), RawDataElement)
    }
    if raw:
        # some files are encoded otherwise than they say, which pydicom has noticed
        element = next(iter(raw.values()))
        implicit, little = element.is_implicit_VR, element.is_little_endian
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    if not syntax:
        syntax = NATIVE[0 if implicit else 1 if little else 2]
    order = "little" if little else "big"

    def text(name: str) -> str:
        value = raw[name].value if name in raw else None
        return (value or b"").decode("latin-1").strip(" \0")

    def numbers(name: str, count: int) -> tuple[float, ...] | None:
        try:
            found = tuple(float(one) for one in text(name).split("\\"))
        except ValueError:
            return None
        return found if len(found) == count and all(map(math.isfinite, found)) else None

    def number(name: str) -> float | None:
        found = numbers(name, 1)
        return found[0] if found else None

    def whole(name: str) -> int | None:
        value = raw[name].value if name in raw else None
        return int.from_bytes(value, order) if value and len(value) == 2 else None

    signed = whole("PixelRepresentation") == 1
    padding = whole("PixelPaddingValue")
    if padding is not None and signed and padding >= 1 << 15:
        padding -= 1 << 16
    allocated = whole("BitsAllocated") or 0
    stored = whole("BitsStored") or allocated
    high = whole("HighBit")
    pixels_at, pixel_bytes, cut = _pixels(
        stream, syntax, implicit=implicit, order=order, file_bytes=file_bytes
    )
    cut |= any(len(one.value or b"") < one.length != UNDEFINED for one in raw.values())
    if pixels_at is None and "Rows" not in raw:
        # the rows stand shortly before the pixels, and an image has both
        cut |= text("SOPClassUID") in ("", CT_IMAGE)

    def uid(name: str) -> str:
        # of a file that is cut, the UID may be
        value = text(name)
        return value if re.fullmatch(r"[0-9.]{1,64}", value) and not cut else ""

    return Header(
        file=file,
        modality=text("Modality").upper(),
        sop_class=text("SOPClassUID"),
        sop_uid=uid("SOPInstanceUID"),
        image_type=tuple(one.strip().upper() for one in text("ImageType").split("\\")),
        uid=uid("SeriesInstanceUID"),
        study_uid=uid("StudyInstanceUID"),
        frame_uid=uid("FrameOfReferenceUID"),
        kernel=text("ConvolutionKernel"),
        position=numbers("ImagePositionPatient", 3),
        orientation=numbers("ImageOrientationPatient", 6),
        pixel_spacing=numbers("PixelSpacing", 2),
        rows=whole("Rows"),
        columns=whole("Columns"),
        frames=int(number("NumberOfFrames") or 1),
        colour=(whole("SamplesPerPixel") or 1) != 1
        or not (text("PhotometricInterpretation") or "MONOCHROME").startswith("MONOCHROME"),
        bits=(allocated, stored, stored - 1 if high is None else high),
        signed=signed,
        padding=padding,
        slope=number("RescaleSlope"),
        intercept=number("RescaleIntercept"),
        rescale_type=text("RescaleType").upper(),
        lossy=text("LossyImageCompression") == "01" or syntax in LOSSY,
        syntax=syntax,
        big_endian=not little,
        pixels_at=pixels_at,
        pixel_bytes=pixel_bytes,
        file_bytes=file_bytes,
        cut=cut,
    )


def _pixels(
    stream: BinaryIO, syntax: str, *, implicit: bool, order: str, file_bytes: int
) -> tuple[int | None, int, bool]:
    """Offset and length of the pixel data, and whether the file ends before it."""
    if syntax == DEFLATED:
        # the rest of the file is one compressed stream: the decoder will see
        return 0, UNDEFINED, False
    at = stream.tell()
    start = stream.read(12)
    if len(start) < 8 or int.from_bytes(start[:2], order) != 0x7FE0:
        return None, 0, at > file_bytes
    if implicit:
        return at + 8, int.from_bytes(start[4:8], order), False
    return at + 12, int.from_bytes(start[8:12], order), len(start) < 12
