"""Marks: words that occur nowhere by chance, put into every place of a scan that can hold text.

A mark in a header stands for a person's data; one in the name of a file, for a name that a person
has given it. `marks_in` looks for both in every byte of a file, unpacked as often as it is packed.
"""

import base64
import binascii
import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from nibabel.nifti1 import Nifti1Extension
from pydicom.datadict import DicomDictionary, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import generate_uid

from lungcam.scans.dicom_header import KEYWORDS

MARK = re.compile(rb"(?i)(?:qzx|wkj)\d{5}")
HEADER, NAME = "QZX", "WKJ"
# value representations that hold text, or anything
TEXTS = (
    *("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI"),
    *("UR", "UT", "OB", "OW", "UN"),
)
# what lungcam reads and may hold anything: the marks of a series that was made anonymous badly
READ = (
    *("ImageType", "ConvolutionKernel", "AcquisitionNumber", "AcquisitionDateTime"),
    *("AcquisitionTime", "ContentTime", "InstanceNumber", "SliceThickness", "KVP"),
    *("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID"),
)
BASE_64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
PNG, DEFLATED = b"\x89PNG\r\n\x1a\n", b"1.2.840.10008.1.2.1.99"
DEEPEST = 6
# of so many slices, one has marks in all elements; the others have them where a person is named
ALL_MARKED = 16
PERSON = (
    *("PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "StudyDescription"),
    *("SeriesDescription", "ReferringPhysicianName", "AccessionNumber", "PatientComments"),
)


class Marks:
    """Marks by number, each with its place."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def new(self, place: str, kind: str = HEADER) -> str:
        """Return a mark of eight letters for a place."""
        mark = f"{kind}{len(self.places):05d}"
        self.places[mark] = place
        return mark

    def named(self, seen: set[str]) -> dict[str, str]:
        """Return the places of marks that were seen."""
        return {mark: self.places[mark] for mark in sorted(seen)}


def marks_in(content: bytes, depth: int = 0) -> set[str]:
    """Return all marks in some bytes, in what they unpack to, and in text of two bytes a letter."""
    seen = {match.decode().upper() for match in MARK.findall(content)}
    seen |= {match.decode().upper() for match in MARK.findall(content.replace(b"\0", b""))}
    if depth < DEEPEST:
        for inner in _unpacked(content):
            seen |= marks_in(inner, depth + 1)
    return seen


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Yield what some bytes hold in packed form."""
    if content[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            yield gzip.decompress(content)
    elif content[:4] == b"PK\x03\x04":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                yield member.filename.encode() + member.comment + member.extra
                yield archive.read(member)
    elif content[:8] == PNG:
        yield from _png_texts(content)
    elif content[128:132] == b"DICM" and DEFLATED in content[:1000]:
        length = int.from_bytes(content[140:144], "little")
        yield zlib.decompress(content[144 + length :], -15)
    elif content[:2] in (b"\x78\x01", b"\x78\x9c", b"\x78\xda"):
        with suppress(zlib.error):
            yield zlib.decompress(content)
    else:
        for match in BASE_64.finditer(content):
            text = match[0].rstrip(b"=")
            with suppress(binascii.Error):
                yield base64.b64decode(text + b"=" * (-len(text) % 4))


def _png_texts(content: bytes) -> Iterator[bytes]:
    """Yield the packed texts of a PNG file; the others are seen in its bytes."""
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        chunk = content[place + 8 : place + 8 + length]
        if kind in (b"zTXt", b"iTXt"):
            for start in range(len(chunk)):
                with suppress(zlib.error):
                    yield zlib.decompress(chunk[start:])
                    break
        place += length + 12


def mark_nifti(file: Path, hu: np.ndarray, *, affine: np.ndarray, marks: Marks) -> None:
    """Write a NIfTI file, packed by its name, with marks wherever its header holds text."""
    image = nib.Nifti1Image(hu, affine)
    image.set_sform(affine, 1)
    for field in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
        image.header[field] = marks.new(f"{file.name}: {field}")
    for code in (0, 2, 4, 6, 40):
        text = marks.new(f"{file.name}: extension {code}").encode()
        # pydicom reads the second kind itself
        content = text if code != 2 else b"\x10\0\x10\0" + struct.pack("<I", len(text)) + text
        image.header.extensions.append(Nifti1Extension(code, content))
    plain = file.with_name("plain.nii")
    nib.save(image, plain)
    content = plain.read_bytes() + marks.new(f"{file.name}: after the voxels").encode()
    plain.unlink()
    packed = file.suffix == ".gz"
    file.write_bytes(_gzipped(content, file.name, marks) if packed else content)


def _gzipped(content: bytes, name: str, marks: Marks) -> bytes:
    """Pack with a name, a comment and an extra field in the header (RFC 1952)."""
    texts = [marks.new(f"{name}: gzip {field}").encode() for field in ("extra", "name", "comment")]
    extra = b"AB" + struct.pack("<H", len(texts[0])) + texts[0]
    head = b"\x1f\x8b\x08\x1c" + bytes(6) + struct.pack("<H", len(extra)) + extra
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = deflate.compress(content) + deflate.flush()
    end = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return head + b"".join(text + b"\0" for text in texts[1:]) + body + end


def mark_itk(file: Path, hu: np.ndarray, *, affine: np.ndarray, marks: Marks) -> None:
    """Write a NRRD or MetaImage file, detached by its name, with marks in its header."""
    image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    lps = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(file), useCompression=file.suffix in (".nrrd", ".mha"))
    nrrd = file.suffix in (".nrrd", ".nhdr")
    start, end, body = file.read_bytes().partition(b"\n\n" if nrrd else b"ElementDataFile")
    lines = _nrrd_lines(file, marks) if nrrd else _metaimage_lines(file, marks)
    content = b"\n".join([start.rstrip(b"\n"), *(line.encode() for line in lines)])
    content += end + body if nrrd else b"\n" + end + body
    if file.suffix in (".nhdr", ".mhd"):
        (data,) = (path for path in file.parent.glob(f"{file.stem}.*") if path != file)
        named = marks.new(f"{file.name}: data file", NAME) + data.suffix
        content = content.replace(data.name.encode(), named.encode())
        data.rename(data.with_name(named))
    file.write_bytes(content)


def _nrrd_lines(file: Path, marks: Marks) -> list[str]:
    def new(place: str) -> str:
        return marks.new(f"{file.name}: {place}")

    labels = " ".join(f'"{new(f"label {axis}")}"' for axis in range(3))
    return [
        f"# {new('comment')}", f"content: {new('content')}", f"sample units: {new('units')}",
        f"labels: {labels}", f"{new('key')}:={new('value')}", f"PatientName:={new('name')}",
        f"DICOM_0010_0010:={new('tag')}", f"number: {new('number')}",
    ]  # fmt: skip


def _metaimage_lines(file: Path, marks: Marks) -> list[str]:
    fields = ("Comment", "Name", "AcquisitionDate", "ID", "PatientName", "0010|0010", "Modality")
    lines = [f"{field} = {marks.new(f'{file.name}: {field}')}" for field in fields]
    mark = marks.new(f"{file.name}: name of a field")
    return [*lines, f"{mark} = {mark}"]


def mark_series(folder: Path, *, marks: Marks, read: bool = False) -> None:
    """Put marks into every element of a series that can hold text, and into its files' names.

    Args:
        folder: Slices, which are rewritten.
        marks: Receives the marks.
        read: True to put them into those elements that lungcam reads, too, as far as a scan with
            them can be read.
    """
    template = _marked_elements(folder.name, marks)
    person = {tag_for_keyword(keyword) for keyword in PERSON}
    chosen = READ if read else ()
    constant = {keyword: marks.new(f"{folder.name}: {keyword}") for keyword in chosen}
    for number, file in enumerate(sorted(folder.iterdir())):
        item = pydicom.dcmread(file)
        for tag, element in template.items():
            if number % ALL_MARKED == 0 or tag in person:
                item._dict[tag] = element
        for keyword, mark in constant.items():
            text = f"{mark}.{number}" if keyword == "SOPInstanceUID" else mark
            text = rf"ORIGINAL\PRIMARY\{text}" if keyword == "ImageType" else text
            _set_raw(item, tag_for_keyword(keyword), text)
        meta = item.file_meta
        meta.SourceApplicationEntityTitle = marks.new(f"{folder.name}: SourceApplication")
        meta.ImplementationVersionName = marks.new(f"{folder.name}: ImplementationVersion")
        meta.PrivateInformationCreatorUID = generate_uid()
        meta.PrivateInformation = marks.new(f"{folder.name}: PrivateInformation").encode()
        item.save_as(file)
        content = bytearray(file.read_bytes())
        content[:8] = marks.new(f"{folder.name}: preamble").encode()
        padding = marks.new(f"{folder.name}: trailing padding").encode()
        content += b"\xfc\xff\xfc\xffOB\0\0" + struct.pack("<I", len(padding)) + padding
        file.unlink()
        named = marks.new(f"{folder.name}: name of a slice", NAME)
        (folder / f"{named}.dcm").write_bytes(content)


def _marked_elements(name: str, marks: Marks) -> Dataset:
    """Return every element that can hold text, and every sequence with some within."""
    dataset = Dataset()
    for tag, (kind, _, _, _, keyword) in DicomDictionary.items():
        group = tag >> 16
        # command, file and directory elements, and those that say what the pixels are
        if group in (0, 2, 4, 0x7FE0, 0xFFFC) or keyword in KEYWORDS or tag == 0x00080005:
            continue
        if kind == "SQ" and group != 0x28:
            dataset.add_new(tag, kind, [_item(f"{name}: {keyword}", marks)])
        elif kind.split(" ")[0] in TEXTS and keyword:
            _set_raw(dataset, tag, marks.new(f"{name}: {keyword}"), kind.split(" ")[0])
    for tag, what in ((0x60000022, "overlay"), (0x60001500, "overlay's label")):
        _set_raw(dataset, tag, marks.new(f"{name}: {what}"), "LO")
    _set_raw(dataset, 0x00090010, marks.new(f"{name}: private creator"), "LO")
    for number, kind in enumerate(TEXTS):
        _set_raw(dataset, 0x00091000 + number, marks.new(f"{name}: private {kind}"), kind)
    dataset.add_new(0x00091080, "SQ", [_item(f"{name}: private sequence", marks)])
    # as old exports have it: a private element without a creator
    _set_raw(dataset, 0x00110011, marks.new(f"{name}: private without a creator"), "UN")
    return dataset


def _item(place: str, marks: Marks) -> Dataset:
    """Return an item of a sequence with marks, and a sequence within it."""
    inner, outer = Dataset(), Dataset()
    for item in (inner, outer):
        _set_raw(item, 0x00100010, marks.new(f"{place}: name"), "PN")
        _set_raw(item, 0x00081110, marks.new(f"{place}: text"), "UT")
    outer.add_new(0x00101002, "SQ", [inner])
    return outer


def _set_raw(item: Dataset, tag: int, text: str, kind: str | None = None) -> None:
    """Set an element to a text as it is, whether its value representation allows it or not."""
    value = text.encode().ljust(len(text) + len(text) % 2)
    kind = kind or DicomDictionary[tag][0]
    # pydicom's own way would convert the value
    item._dict[Tag(tag)] = RawDataElement(Tag(tag), kind, len(value), value, 0, False, True)
