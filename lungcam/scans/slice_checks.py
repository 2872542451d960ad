"""Checks of a folder's files and of each CT slice's header."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lungcam.findings import Outcome, ScanCheck
from lungcam.scans.bounds import DEFLATE, HU_BYTES, MOST_RATIO, RLE, SLACK, limit_bytes
from lungcam.scans.dicom_header import (
    CT_IMAGE_STORAGE,
    DEFLATED_SYNTAX,
    FIRST_BYTES,
    NATIVE_SYNTAXES,
    RLE_SYNTAX,
    UNDEFINED_LENGTH,
    DamagedHeader,
    Header,
    is_directory,
    read_header,
    starts_like_dicom,
)
from lungcam.scans.multi_frame import is_enhanced, read_frames

# bytes of 4096 x 4096 pixels, more than a slice has; below, JPEG may pack them beyond all bounds
LARGEST_SLICE = 32 << 20
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# values of ImageType for an image computed from many slices
PROJECTIONS = {
    "MIP", "MINIP", "MAXIP", "MIN_IP", "MAX_IP", "MIN IP", "MAX IP", "MEAN_IP", "AVERAGE_IP",
    "PROJECTION IMAGE", "VOLUME_RENDERED", "VRT", "SSD", "CPR", "SCREEN SAVE", "SCREENSAVE",
    "SCREEN_SAVE",
}  # fmt: skip
# valid values of Modality; another value is not repeated in messages, it could be a name
MODALITIES = {
    "AU", "BI", "CR", "CT", "DOC", "DX", "ECG", "ES", "FID", "IO", "IVUS", "KO", "M3D", "MG", "MR",
    "NM", "OT", "PR", "PT", "PX", "REG", "RF", "RG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD",
    "RTSTRUCT", "RWV", "SC", "SEG", "SM", "SR", "ST", "US", "XA", "XC",
}  # fmt: skip
# kind of a file that holds the slices of a scan
ENHANCED = ("multi_frame", "with many frames (enhanced CT)")
# values of RescaleType for quantities other than HU
OTHER_QUANTITIES = ("OD", "MGML", "Z_EFF", "ED", "EDW", "PCT")

GIVE_CT_SERIES = "give a folder with the slices of a CT series"
EXPORT_AGAIN = "copy or export the series again"
# fault of a slice's header: outcome, message after "3 file(s)", remedy
HEADER_FAULTS: dict[str, tuple[Outcome, str, str]] = {
    "truncated_file": ("refused", "end before their header or pixel data does", EXPORT_AGAIN),
    "no_modality": ("refused", "have no Modality", EXPORT_AGAIN),
    "no_series_uid": ("refused", "have no SeriesInstanceUID", EXPORT_AGAIN),
    "no_position": ("refused", "have no valid ImagePositionPatient", EXPORT_AGAIN),
    "no_orientation": ("refused", "have no valid ImageOrientationPatient", EXPORT_AGAIN),
    "bad_pixel_spacing": ("refused", "have no valid PixelSpacing", EXPORT_AGAIN),
    "no_size": ("refused", "have no valid Rows and Columns", EXPORT_AGAIN),
    "no_pixel_data": ("refused", "have no pixel data", EXPORT_AGAIN),
    "pixel_mismatch": ("refused", "hold more pixels than Rows and Columns say", EXPORT_AGAIN),
    "too_large": (
        "refused",
        "declare more pixels than their bytes, or the memory, can hold",
        EXPORT_AGAIN,
    ),
    "bad_bits": (
        "refused",
        "have no valid BitsAllocated, BitsStored, HighBit and PixelRepresentation",
        EXPORT_AGAIN,
    ),
    "no_rescale": (
        "refused",
        "have no valid RescaleSlope and RescaleIntercept, so their HU are unknown",
        "export the series again from the scanner's archive",
    ),
    "rescale_type": (
        "refused",
        "have a RescaleType other than HU",
        "give the series in HU, not a series of a derived quantity",
    ),
    "odd_rescale_type": ("flagged", "have a RescaleType other than HU", "check the values"),
    "lossy": (
        "flagged",
        "were compressed with loss at some time",
        "use the series as it was acquired, if there is one",
    ),
}
# faults that keep a slice out of every stack
POSITION_FAULTS = {
    "no_series_uid",
    "no_position",
    "no_orientation",
    "bad_pixel_spacing",
    "no_size",
}
# faults that keep a slice's pixels from being read in HU
PIXEL_FAULTS = {
    "truncated_file",
    "no_pixel_data",
    "pixel_mismatch",
    "too_large",
    "bad_bits",
    "no_rescale",
    "rescale_type",
}


@dataclass(kw_only=True)
class Contents:
    """Files of a folder by kind.

    Attributes:
        slices: Headers of CT slices, valid or faulty.
        others: Headers and kinds (code and description) of other DICOM objects.
        strays: Files that are not DICOM.
        empty: Files of zero bytes and broken links.
        damaged: Files that should be DICOM and cannot be parsed.
        unreadable: Files that cannot be opened or read.
    """

    slices: list[Header] = field(default_factory=list)
    others: list[tuple[Header, tuple[str, str]]] = field(default_factory=list)
    strays: list[Path] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)


def classify_files(files: Iterable[Path]) -> Contents:
    """Sort files by kind; each is opened once.

    Args:
        files: Regular files or links; anything else is ignored.
    """
    contents = Contents()
    for file in files:
        if file.is_symlink() and not file.exists():
            contents.empty.append(file)
            continue
        if not file.is_file():
            continue
        try:
            with file.open("rb") as stream:
                start = stream.read(FIRST_BYTES)
            if not start:
                contents.empty.append(file)
            elif file.name.startswith(".") or is_directory(file, start):
                contents.strays.append(file)
            elif starts_like_dicom(start):
                header = read_header(file)
                kind = non_slice_kind(header)
                if kind == ENHANCED:
                    contents.slices += read_frames(header)
                elif kind:
                    contents.others.append((header, kind))
                else:
                    contents.slices.append(header)
            elif _suffix(file) == ".dcm":
                contents.damaged.append(file)
            else:
                contents.strays.append(file)
        except OSError:
            contents.unreadable.append(file)
        except DamagedHeader:
            contents.damaged.append(file)
    return contents


def non_slice_kind(header: Header) -> tuple[str, str] | None:
    """Return code and description of a DICOM object that is no CT slice; None for a slice."""
    if header.modality in MODALITIES - {"CT"}:
        return "wrong_modality", f"of modality {header.modality}"
    if header.truncated:
        # it may well be a slice
        return None
    if header.modality not in ("", "CT"):
        return "wrong_modality", "of modality unknown"
    if "LOCALIZER" in header.image_type:
        return "localizer", "localizer"
    if header.sop_class.startswith(SECONDARY_CAPTURE):
        return "screen_save", "screen save"
    if PROJECTIONS & set(header.image_type):
        return "projection", "projection or rendering, not a slice"
    if is_enhanced(header) and not header.colour:
        return ENHANCED
    if header.frames > 1:
        return "multi_frame", "with many frames"
    if header.colour:
        return "colour", "in colour"
    if not header.modality and header.sop_class not in ("", CT_IMAGE_STORAGE):
        return "wrong_modality", "of modality unknown"
    if header.sop_class != CT_IMAGE_STORAGE and header.rows is None:
        return "wrong_modality", "without an image"
    return None


def check_contents(check: ScanCheck, contents: Contents) -> None:
    """Report all files other than slices, a finding for each kind.

    A file named like a slice may be one: if it is empty, damaged or unreadable, it is refused, not
    skipped.
    """
    _report_other_objects(check, contents)
    if contents.strays:
        counts = Counter(_suffix(file) or file.name for file in contents.strays)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())[:5])
        message = f"{len(contents.strays)} file(s) ignored: {kinds}"
        check.add("stray_file", "skipped", message=message)
    slice_suffixes = {_suffix(header.file) for header in contents.slices} | {"", ".dcm"}
    for code, description, files in (
        ("empty_file", "of zero bytes", contents.empty),
        ("unreadable", "cannot be opened or read", contents.unreadable),
    ):
        alike = [f for f in files if _suffix(f) in slice_suffixes and f.name[0] != "."]
        strays = [file for file in files if file not in alike]
        if alike:
            check.add(
                code,
                "refused",
                message=describe_files(alike, description),
                remedy="copy the series again and check its access rights",
            )
        if strays:
            message = describe_files(strays, f"{description}, ignored")
            check.add(code, "skipped", message=message)
    if contents.damaged:
        check.add(
            "damaged_file",
            "refused",
            message=describe_files(contents.damaged, "are not complete DICOM files"),
            remedy="copy the series again",
        )
    if not (contents.slices or contents.others):
        check.add("no_ct", "refused", message="no CT image", remedy=GIVE_CT_SERIES)


def _report_other_objects(check: ScanCheck, contents: Contents) -> None:
    kinds: dict[tuple[str, str], list[Header]] = {}
    for header, kind in contents.others:
        kinds.setdefault(kind, []).append(header)
    for (code, description), headers in sorted(kinds.items()):
        message = f"{len(headers)} DICOM object(s) {description}, ignored"
        if contents.slices:
            check.add(code, "skipped", message=message)
            continue
        remedy = GIVE_CT_SERIES
        if code == "multi_frame":
            remedy = "convert it to one file per slice or to NIfTI, for example with dcm2niix"
        check.add(code, "refused", message=message, remedy=remedy)


def check_headers(check: ScanCheck, slices: Sequence[Header]) -> None:
    """Report the faults of these slices' headers, a finding for each code."""
    files: dict[str, list[Path]] = {}
    for header in slices:
        for code in header_faults(header):
            files.setdefault(code, []).append(header.file)
    for code, (outcome, description, remedy) in HEADER_FAULTS.items():
        if code in files:
            message = describe_files(files[code], description)
            check.add(code, outcome, message=message, remedy=remedy)


def header_faults(header: Header) -> set[str]:
    """Return the codes of a slice header's faults; see `HEADER_FAULTS`."""
    if header.truncated:
        # the missing rest would only repeat the fault
        return {"truncated_file"}
    faults = set()
    if not header.modality:
        faults.add("no_modality")
    if not header.series_uid:
        faults.add("no_series_uid")
    if header.position is None:
        faults.add("no_position")
    if not _is_orthonormal(header.orientation):
        faults.add("no_orientation")
    if header.pixel_spacing is None or min(header.pixel_spacing) <= 0:
        faults.add("bad_pixel_spacing")
    if not (header.rows and header.columns):
        faults.add("no_size")
    elif code := _pixel_data_fault(header):
        faults.add(code)
    bits, high_bit = header.bits_allocated, header.high_bit
    possible = bits in (8, 16, 32) and 0 < header.bits_stored <= high_bit + 1 <= bits
    if not possible or header.signed is None:
        faults.add("bad_bits")
    if header.slope is None or header.slope <= 0 or header.intercept is None:
        faults.add("no_rescale")
    if header.rescale_type in OTHER_QUANTITIES:
        faults.add("rescale_type")
    elif header.rescale_type not in ("", "HU"):
        faults.add("odd_rescale_type")
    if header.lossy:
        faults.add("lossy")
    return faults


def _is_orthonormal(orientation: tuple[float, ...] | None) -> bool:
    """Return True if six direction cosines are two unit vectors at a right angle."""
    if orientation is None:
        return False
    pair = np.array(orientation).reshape(2, 3)
    return bool(np.abs(pair @ pair.T - np.eye(2)).max() < 0.01)


def _pixel_data_fault(header: Header) -> str | None:
    """Compare the length of the pixel data with the image size and the file."""
    if header.pixel_offset is None or header.pixel_length == 0:
        return "no_pixel_data"
    if header.pixel_length == UNDEFINED_LENGTH:
        return None if _can_be_packed(header) else "too_large"
    expected = header.pixel_length
    if header.syntax in NATIVE_SYNTAXES:
        expected = header.rows * header.columns * header.bits_allocated // 8
    if min(header.pixel_length, header.file_size - header.pixel_offset) < expected:
        return "truncated_file"
    return "pixel_mismatch" if header.pixel_length >= expected + header.columns else None


def _can_be_packed(header: Header) -> bool:
    """Return True if compressed pixels can have the declared size."""
    declared = header.rows * header.columns * max(header.bits_allocated // 8, 1)
    stored = header.file_size - header.pixel_offset
    if header.frame is None and declared * HU_BYTES > limit_bytes():
        return False
    if header.syntax == RLE_SYNTAX:
        return declared <= RLE * stored
    if header.syntax == DEFLATED_SYNTAX:
        return declared <= DEFLATE * stored + SLACK
    return declared <= LARGEST_SLICE or declared <= MOST_RATIO * stored


def describe_files(files: Sequence[Path], description: str) -> str:
    """Return a phrase such as '3 file(s) of zero bytes: image004 and others'."""
    first = min(file.name for file in files)
    others = " and others" if len(files) > 1 else ""
    return f"{len(files)} file(s) {description}: {first}{others}"


def _suffix(file: Path) -> str:
    """Return the suffix in lower case; the last number of a UID does not count as a suffix."""
    suffix = file.suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z][a-z0-9]{0,4}", suffix) else ""
