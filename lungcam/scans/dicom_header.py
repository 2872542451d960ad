"""Header of a DICOM slice: its position and scale, and nothing about the patient.

The values are taken from the raw bytes instead of pydicom's conversion, which quotes odd values in
its warnings and is several times slower.
"""

import math
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

from lungcam.findings import NONE
from lungcam.scans.deflated import SYNTAX as DEFLATED_SYNTAX
from lungcam.scans.deflated import inflated_head

# only these are read: no attribute that identifies a person enters the program
KEYWORDS = (
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
    "SliceThickness",
    "KVP",
    "AcquisitionNumber",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
    "TriggerTime",
    "NominalPercentageOfCardiacPhase",
    "TemporalPositionIdentifier",
    "InstanceNumber",
)
CARDIAC_PHASE = "NominalPercentageOfCardiacPhase"
# attributes that tell acquisitions apart
ACQUISITION = KEYWORDS[KEYWORDS.index("SliceThickness") :]
TAGS = {keyword: tag_for_keyword(keyword) for keyword in KEYWORDS}
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
# transfer syntaxes
IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG = NATIVE_SYNTAXES = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
)
RLE_SYNTAX = "1.2.840.10008.1.2.5"
LOSSY_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
UNDEFINED_LENGTH = 0xFFFFFFFF
PIXEL_DATA_GROUP = 0x7FE0
# enough for the class of a file, which its first group names
FIRST_BYTES = 512
MEDIA_DIRECTORY = re.compile(
    rb"\x02\x00\x02\x00UI..1\.2\.840\.10008\.1\.3\.10(?![.0-9])", re.DOTALL
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Header:
    """Header of a DICOM file; missing or invalid values are None or "".

    Attributes:
        file: DICOM file.
        modality: Modality, such as CT.
        sop_class: SOPClassUID.
        sop_uid: SOPInstanceUID.
        image_type: Values of ImageType in upper case.
        series_uid: SeriesInstanceUID.
        study_uid: StudyInstanceUID.
        frame_uid: FrameOfReferenceUID.
        kernel: ConvolutionKernel.
        position: Position of the first pixel in LPS mm.
        orientation: Six LPS direction cosines: of growing column index, of growing row index.
        pixel_spacing: Distance between rows and between columns in mm.
        rows: Number of pixels down the image.
        columns: Number of pixels across the image.
        frames: Number of images in the file.
        colour: True if a pixel holds anything but a single grey value.
        inverted: True if low values are shown bright (MONOCHROME1), which changes no HU.
        bits_allocated: BitsAllocated.
        bits_stored: BitsStored.
        high_bit: HighBit.
        signed: True if stored values are in two's complement, None if the file does not say.
        padding: PixelPaddingValue, a stored value.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        rescale_type: RescaleType.
        lossy: True if the pixels were ever compressed with loss.
        syntax: Transfer syntax UID.
        big_endian: Byte order of the pixels.
        pixel_offset: Offset in the file of the first byte of the pixel data's value.
        pixel_length: Length of the value in bytes by the header, `UNDEFINED_LENGTH` for
            encapsulated frames.
        file_size: Length of the file in bytes.
        truncated: True if the file ends within its header.
        frame: Index of a frame of a file with several; None for a file of one image.
        acquisition: Text of the attributes in `ACQUISITION` by keyword; "" where missing.
    """

    file: Path
    modality: str
    sop_class: str
    sop_uid: str
    image_type: tuple[str, ...]
    series_uid: str
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
    inverted: bool
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool | None
    padding: int | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    lossy: bool
    syntax: str
    big_endian: bool
    pixel_offset: int | None
    pixel_length: int
    file_size: int
    truncated: bool
    acquisition: Mapping[str, str]
    frame: int | None = None

    @property
    def native(self) -> bool:
        """True if the pixels are stored uncompressed, 16 bits each."""
        return (
            self.syntax in NATIVE_SYNTAXES
            and self.bits_allocated == 16
            and self.pixel_length != UNDEFINED_LENGTH
        )


def valid_uid(text: str) -> str:
    """Return a valid UID for any text, "" for none.

    Some anonymisers write other identifiers in place of UIDs. Such a text becomes a UID below 2.25
    (PS3.5 B.2) that is equal for equal texts and does not show the text.
    """
    text = text.strip(" \0")
    if text.lower() in NONE:
        return ""
    if re.fullmatch(r"[0-9.]{1,64}", text):
        return text
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, text).int}"


class DamagedHeader(Exception):
    """A file starts like DICOM and cannot be parsed."""


def is_dicom(path: Path) -> bool:
    """Return True if a file's first bytes are DICOM; an unreadable file is judged by its suffix.

    A DICOMDIR, the table of contents of a disc, is no image, whatever its name.
    """
    if not path.is_file() or path.name.startswith("."):
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(FIRST_BYTES)
    except OSError:
        return path.suffix.lower() in ("", ".dcm")
    return starts_like_dicom(start) and not is_directory(path, start)


def is_directory(path: Path, start: bytes) -> bool:
    """Return True if the name or the first bytes of a file are a DICOMDIR's (PS3.10 8.6)."""
    return path.name.upper() == "DICOMDIR" or (
        start[128:132] == b"DICM" and MEDIA_DIRECTORY.search(start) is not None
    )


def starts_like_dicom(start: bytes) -> bool:
    """Return True if the first 132 bytes of a file are those of a DICOM file.

    PS3.10 puts 'DICM' after 128 bytes; files of old exports begin with group 2 or 8 at once.
    """
    if start[128:132] == b"DICM":
        return True
    if start[:2] not in (b"\x02\0", b"\x08\0") or start[3:4] not in (b"\0", b"\x01"):
        return False
    # an explicit VR, or else the length of a first value, which is short
    return (start[4:6].isalpha() and start[4:6].isupper()) or (
        len(start) >= 8 and 0 < int.from_bytes(start[4:8], "little") < 128
    )


def read_header(file: Path) -> Header:
    """Read the header of a DICOM file.

    Raises:
        OSError: The file cannot be opened or read.
        DamagedHeader: The header cannot be parsed.
    """
    with file.open("rb") as stream:
        try:
            dataset = read_dataset(stream, list(TAGS.values()))
            return _parse(file, stream, dataset=dataset)
        except OSError:
            raise
        # pydicom raises nearly any error for damaged bytes
        except Exception as error:
            raise DamagedHeader(str(file)) from error


def read_dataset(stream: BinaryIO, tags: Sequence[int | str]) -> pydicom.FileDataset:
    """Read some elements before the pixel data; no more than a header is inflated.

    Raises:
        Exception: The file is damaged; pydicom raises nearly anything.
    """
    head = inflated_head(stream)
    dataset = pydicom.dcmread(
        stream if head is None else head,
        stop_before_pixels=True,
        force=True,
        specific_tags=list(tags),
    )
    if head is not None:
        dataset.file_meta.TransferSyntaxUID = DEFLATED_SYNTAX
    return dataset


@dataclass(frozen=True, eq=False, kw_only=True)
class _Elements:
    """Raw data elements by keyword, and the encoding of the file.

    Attributes:
        raw: Elements in the file.
        implicit: True for implicit VR.
        little_endian: Byte order.
    """

    raw: dict[str, RawDataElement]
    implicit: bool
    little_endian: bool

    @property
    def byte_order(self) -> str:
        return "little" if self.little_endian else "big"

    @property
    def truncated(self) -> bool:
        """True if the file ends within a value."""
        return any(
            len(element.value or b"") < element.length != UNDEFINED_LENGTH
            for element in self.raw.values()
        )

    def _value(self, keyword: str) -> bytes:
        return (self.raw[keyword].value if keyword in self.raw else None) or b""

    def text(self, keyword: str) -> str:
        """Return a value as text, "" if it is missing."""
        return self._value(keyword).decode("latin-1").strip(" \0")

    def hex(self, keyword: str) -> str:
        """Return the bytes of a value as hexadecimal digits."""
        return self._value(keyword).hex()

    def uid(self, keyword: str) -> str:
        """Return a UID, see `valid_uid`."""
        return valid_uid(self.text(keyword))

    def decimals(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Return a decimal string's values, None unless they are `count` finite numbers."""
        try:
            values = tuple(float(part) for part in self.text(keyword).split("\\"))
        except ValueError:
            return None
        return values if len(values) == count and all(map(math.isfinite, values)) else None

    def decimal(self, keyword: str) -> float | None:
        """Return a single decimal value."""
        values = self.decimals(keyword, 1)
        return values[0] if values else None

    def short(self, keyword: str) -> int | None:
        """Return an unsigned short."""
        value = self._value(keyword)
        return int.from_bytes(value, self.byte_order) if len(value) == 2 else None


@dataclass(frozen=True)
class _PixelData:
    """Place of the pixel data in a file; the offset is None if there is none."""

    offset: int | None
    length: int
    truncated: bool = False


def _parse(file: Path, stream: BinaryIO, *, dataset: pydicom.FileDataset) -> Header:
    """Build the header from a data set that was read up to the pixel data."""
    file_size = os.fstat(stream.fileno()).st_size
    elements = _raw_elements(dataset)
    syntax = _transfer_syntax(dataset, elements)
    pixel_data = _find_pixel_data(stream, syntax, elements=elements, file_size=file_size)
    truncated = pixel_data.truncated or elements.truncated
    if pixel_data.offset is None and "Rows" not in elements.raw:
        # Rows comes shortly before the pixels, and an image has both
        truncated |= elements.text("SOPClassUID") in ("", CT_IMAGE_STORAGE)
    bits_allocated = elements.short("BitsAllocated") or 0
    bits_stored = elements.short("BitsStored") or 0
    high_bit = elements.short("HighBit")
    photometric = elements.text("PhotometricInterpretation") or "MONOCHROME"
    return Header(
        file=file,
        modality=elements.text("Modality").upper(),
        sop_class=elements.text("SOPClassUID"),
        image_type=tuple(value.strip().upper() for value in elements.text("ImageType").split("\\")),
        # the UID of a truncated file may be cut, too
        sop_uid="" if truncated else elements.uid("SOPInstanceUID"),
        series_uid="" if truncated else elements.uid("SeriesInstanceUID"),
        study_uid="" if truncated else elements.uid("StudyInstanceUID"),
        frame_uid="" if truncated else elements.uid("FrameOfReferenceUID"),
        kernel=elements.text("ConvolutionKernel"),
        position=elements.decimals("ImagePositionPatient", 3),
        orientation=elements.decimals("ImageOrientationPatient", 6),
        pixel_spacing=elements.decimals("PixelSpacing", 2),
        rows=elements.short("Rows"),
        columns=elements.short("Columns"),
        frames=int(elements.decimal("NumberOfFrames") or 1),
        colour=(elements.short("SamplesPerPixel") or 1) != 1
        or not photometric.startswith("MONOCHROME"),
        inverted=photometric == "MONOCHROME1",
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=bits_stored - 1 if high_bit is None else high_bit,
        signed=_is_signed(elements),
        padding=_padding_value(elements),
        slope=elements.decimal("RescaleSlope"),
        intercept=elements.decimal("RescaleIntercept"),
        rescale_type=elements.text("RescaleType").upper(),
        lossy=elements.text("LossyImageCompression") == "01" or syntax in LOSSY_SYNTAXES,
        syntax=syntax,
        big_endian=not elements.little_endian,
        pixel_offset=pixel_data.offset,
        pixel_length=pixel_data.length,
        file_size=file_size,
        truncated=truncated,
        acquisition={
            # the only attribute of them that is stored as a binary number
            keyword: elements.hex(keyword) if keyword == CARDIAC_PHASE else elements.text(keyword)
            for keyword in ACQUISITION
        },
    )


def _raw_elements(dataset: pydicom.FileDataset) -> _Elements:
    implicit, little_endian = dataset.original_encoding
    present = dataset.keys()
    raw = {
        keyword: element
        for keyword, tag in TAGS.items()
        if tag in present and isinstance(element := dataset.get_item(tag), RawDataElement)
    }
    if raw:
        # some files declare another encoding than they use, which pydicom has noticed
        element = next(iter(raw.values()))
        implicit, little_endian = element.is_implicit_VR, element.is_little_endian
    return _Elements(raw=raw, implicit=implicit, little_endian=little_endian)


def _transfer_syntax(dataset: pydicom.FileDataset, elements: _Elements) -> str:
    """Return the transfer syntax UID, from the encoding if the file does not give it."""
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    if syntax:
        return syntax
    if elements.implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if elements.little_endian else EXPLICIT_BIG


def _find_pixel_data(
    stream: BinaryIO, syntax: str, *, elements: _Elements, file_size: int
) -> _PixelData:
    """Read tag and length of the pixel data at the current position of the stream."""
    if syntax == DEFLATED_SYNTAX:
        # the rest of the file is one compressed stream, which the decoder will check
        return _PixelData(0, UNDEFINED_LENGTH)
    order = elements.byte_order
    start = stream.tell()
    head = stream.read(12)
    if len(head) < 8 or int.from_bytes(head[:2], order) != PIXEL_DATA_GROUP:
        return _PixelData(None, 0, truncated=start > file_size)
    if elements.implicit:
        return _PixelData(start + 8, int.from_bytes(head[4:8], order))
    return _PixelData(start + 12, int.from_bytes(head[8:12], order), truncated=len(head) < 12)


def _is_signed(elements: _Elements) -> bool | None:
    return {0: False, 1: True}.get(elements.short("PixelRepresentation"))


def _padding_value(elements: _Elements) -> int | None:
    padding = elements.short("PixelPaddingValue")
    if padding is not None and _is_signed(elements) and padding >= 1 << 15:
        padding -= 1 << 16
    return padding
