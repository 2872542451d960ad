"""What lies in a folder: slices of CT, and what is to be left aside or refused.

What can be wrong with a single slice's header.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lungcam.findings import Outcome, ScanCheck
from lungcam.scans.dicom_header import (
    CT_IMAGE,
    NATIVE,
    UNDEFINED,
    DamagedHeader,
    Header,
    begins_dicom,
    read_header,
)

ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# values of ImageType that tell of an image computed from many slices
PROJECTIONS = {
    "MIP", "MINIP", "MAXIP", "MIN_IP", "MAX_IP", "MIN IP", "MAX IP", "MEAN_IP", "AVERAGE_IP",
    "PROJECTION IMAGE", "VOLUME_RENDERED", "VRT", "SSD", "CPR", "SCREEN SAVE", "SCREENSAVE",
    "SCREEN_SAVE",
}  # fmt: skip
# what Modality may hold; anything else is not repeated, for it could be a name
MODALITIES = {
    "AU", "BI", "CR", "CT", "DOC", "DX", "ECG", "ES", "FID", "IO", "IVUS", "KO", "M3D", "MG", "MR",
    "NM", "OT", "PR", "PT", "PX", "REG", "RF", "RG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD",
    "RTSTRUCT", "RWV", "SC", "SEG", "SM", "SR", "ST", "US", "XA", "XC",
}  # fmt: skip


@dataclass(kw_only=True)
class Contents:
    """A folder's files, sorted.

    Attributes:
        slices: Headers of CT slices, right or faulty.
        others: Headers and kinds (a code and words) of other DICOM objects.
        strays: Files of no DICOM kind.
        empty: Files of zero bytes, and links to nothing.
        damaged: Files that should be DICOM and cannot be understood.
        unreadable: Files that may not or cannot be read.
    """

    slices: list[Header] = field(default_factory=list)
    others: list[tuple[Header, tuple[str, str]]] = field(default_factory=list)
    strays: list[Path] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)


def kind_of(header: Header) -> tuple[str, str] | None:
    """Code and words for a DICOM object that is no CT slice; None for a slice."""
    if header.modality in MODALITIES - {"CT"}:
        return "wrong_modality", f"of modality {header.modality}"
    if header.cut:
        # for all that is known, a slice
        return None
    if header.modality not in ("", "CT"):
        return "wrong_modality", "of modality unknown"
    if "LOCALIZER" in header.image_type:
        return "localizer", "localizer"
    if header.sop_class.startswith(SECONDARY_CAPTURE):
        return "screen_save", "screen save"
    if PROJECTIONS & set(header.image_type):
        return "projection", "projection or rendering, not a slice"
    if header.frames > 1 or header.sop_class in ENHANCED_CT:
        return "multi_frame", "with many frames (enhanced CT)"
    if header.colour:
        return "colour", "in colour"
    if not header.modality and header.sop_class not in ("", CT_IMAGE):
        return "wrong_modality", "of modality unknown"
    if header.sop_class != CT_IMAGE and header.rows is None:
        return "wrong_modality", "without an image"
    return None


def contents_of(files: Iterable[Path]) -> Contents:
    """Sort files by what they are; each is opened once.

    Args:
        files: Regular files or links; anything else is passed over.
    """
    found = Contents()
    for file in files:
        if file.is_symlink() and not file.exists():
            found.empty.append(file)
            continue
        if not file.is_file():
            continue
        try:
            with file.open("rb") as stream:
                start = stream.read(132)
            if not start:
                found.empty.append(file)
            elif file.name.startswith(".") or file.name.upper() == "DICOMDIR":
                found.strays.append(file)
            elif begins_dicom(start):
                header = read_header(file)
                kind = kind_of(header)
                if kind:
                    found.others.append((header, kind))
                else:
                    found.slices.append(header)
            elif suffix(file) == ".dcm":
                found.damaged.append(file)
            else:
                found.strays.append(file)
        except OSError:
            found.unreadable.append(file)
        except DamagedHeader:
            found.damaged.append(file)
    return found


def suffix(file: Path) -> str:
    """A file's suffix in lower case; the last number of a UID is none."""
    end = file.suffix.lower()
    return end if re.fullmatch(r"\.[a-z][a-z0-9]{0,4}", end) else ""


def named(files: Sequence[Path], words: str) -> str:
    """Such as '3 file(s) cut short, first image004'."""
    first = min(file.name for file in files)
    return f"{len(files)} file(s) {words}: {first}" + (" and others" if len(files) > 1 else "")


def note_contents(verdict: ScanCheck, contents: Contents) -> None:
    """Note all that lies beside the slices, one finding a kind.

    A file that could be a slice, for it is named like one, is never passed over: empty, damaged or
    unreadable it is refused.
    """
    beside: Outcome = "skipped" if contents.slices else "refused"
    remedy = "" if contents.slices else "give a folder with the slices of a CT series"
    kinds: dict[tuple[str, str], list[Path]] = {}
    for header, kind in contents.others:
        kinds.setdefault(kind, []).append(header.file)
    for (code, words), files in sorted(kinds.items()):
        told = remedy
        if code == "multi_frame" and remedy:
            told = "convert it to one file a slice or to NIfTI, for example with dcm2niix"
        verdict.add(code, beside, f"{len(files)} DICOM object(s) {words}, left aside", told)
    if contents.strays:
        count = Counter(suffix(file) or file.name for file in contents.strays)
        told = ", ".join(f"{n} {kind}" for kind, n in sorted(count.items())[:5])
        verdict.add("stray_file", "skipped", f"{len(contents.strays)} file(s) left aside: {told}")
    names = {suffix(header.file) for header in contents.slices} | {"", ".dcm"}
    for code, words, files in (
        ("empty_file", "of zero bytes", contents.empty),
        ("unreadable", "cannot be opened or read", contents.unreadable),
    ):
        alike = [file for file in files if suffix(file) in names and file.name[0] != "."]
        strays = [file for file in files if file not in alike]
        if alike:
            verdict.add(
                code, "refused", named(alike, words), "copy the series again and check its rights"
            )
        if strays:
            verdict.add(code, "skipped", named(strays, f"{words}, left aside"))
    if contents.damaged:
        verdict.add(
            "damaged_file",
            "refused",
            named(contents.damaged, "are no whole DICOM files"),
            "copy the series again",
        )
    if not (contents.slices or contents.others):
        verdict.add(
            "no_ct", "refused", "no CT image", "give a folder with the slices of a CT series"
        )


AGAIN = "copy or export the series again"
# code: outcome, what is said after "3 file(s)", remedy
FAULTS: dict[str, tuple[Outcome, str, str]] = {
    "truncated_file": ("refused", "end before their header or pixel data does", AGAIN),
    "no_modality": ("refused", "tell no modality", AGAIN),
    "no_series_uid": ("refused", "have no SeriesInstanceUID", AGAIN),
    "no_position": ("refused", "have no valid ImagePositionPatient", AGAIN),
    "no_orientation": ("refused", "have no valid ImageOrientationPatient", AGAIN),
    "bad_pixel_spacing": ("refused", "have no valid PixelSpacing", AGAIN),
    "no_size": ("refused", "have no valid Rows and Columns", AGAIN),
    "no_pixel_data": ("refused", "have no pixel data", AGAIN),
    "pixel_mismatch": ("refused", "hold more pixels than Rows and Columns say", AGAIN),
    "bad_bits": ("refused", "have no valid BitsAllocated, BitsStored and HighBit", AGAIN),
    "no_rescale": (
        "refused",
        "have no valid RescaleSlope and RescaleIntercept, so their values are not known in HU",
        "export the series again from the scanner's archive",
    ),
    "rescale_type": (
        "refused",
        "have a RescaleType other than HU",
        "give the series in HU, not one of a derived quantity",
    ),
    "odd_rescale_type": ("flagged", "have a RescaleType other than HU", "check the values"),
    "lossy": (
        "flagged",
        "were compressed with loss at some time",
        "use the series as it was acquired, if there is one",
    ),
}
PLACING = {"no_series_uid", "no_position", "no_orientation", "bad_pixel_spacing", "no_size"}
UNSCALED = {
    "truncated_file",
    "no_pixel_data",
    "pixel_mismatch",
    "bad_bits",
    "no_rescale",
    "rescale_type",
}
OTHER_QUANTITIES = ("OD", "MGML", "Z_EFF", "ED", "EDW", "PCT")


def faults_of(header: Header) -> set[str]:
    """Codes of what is wrong with a slice's header; see `FAULTS`."""
    if header.cut:
        # what should follow is not worth a word
        return {"truncated_file"}
    faults = set()
    if not header.modality:
        faults.add("no_modality")
    if not header.uid:
        faults.add("no_series_uid")
    if header.position is None:
        faults.add("no_position")
    if not _right_angled(header.orientation):
        faults.add("no_orientation")
    if header.pixel_spacing is None or min(header.pixel_spacing) <= 0:
        faults.add("bad_pixel_spacing")
    if not (header.rows and header.columns):
        faults.add("no_size")
    elif header.pixels_at is None or header.pixel_bytes == 0:
        faults.add("no_pixel_data")
    elif header.pixel_bytes != UNDEFINED:
        needed = header.pixel_bytes
        if header.syntax in NATIVE:
            needed = header.rows * header.columns * header.bits[0] // 8
        if min(header.pixel_bytes, header.file_bytes - header.pixels_at) < needed:
            faults.add("truncated_file")
        elif header.pixel_bytes >= needed + header.columns:
            faults.add("pixel_mismatch")
    allocated, stored, high = header.bits
    if allocated not in (8, 16, 32) or not 0 < stored <= high + 1 <= allocated:
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


def _right_angled(orientation: tuple[float, ...] | None) -> bool:
    """Whether six cosines are two unit vectors at a right angle."""
    if orientation is None:
        return False
    pair = np.array(orientation).reshape(2, 3)
    return bool(np.abs(pair @ pair.T - np.eye(2)).max() < 0.01)


def note_faults(verdict: ScanCheck, slices: Sequence[Header]) -> None:
    """Note all faults of these slices, one finding a code."""
    files: dict[str, list[Path]] = {}
    for one in slices:
        for code in faults_of(one):
            files.setdefault(code, []).append(one.file)
    for code, (outcome, words, remedy) in FAULTS.items():
        if code in files:
            verdict.add(code, outcome, named(files[code], words), remedy)
