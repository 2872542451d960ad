"""What lies in a folder: slices of CT, and what is to be left aside or refused."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.scans.headers import CT_IMAGE, DamagedHeader, Header, begins_dicom, read_header
from lungcam.verdict import Outcome, Verdict

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


@dataclass
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


def note_contents(verdict: Verdict, found: Contents) -> None:
    """Note all that lies beside the slices, one finding a kind.

    A file that could be a slice, for it is named like one, is never passed over: empty, damaged or
    unreadable it is refused.
    """
    beside: Outcome = "skipped" if found.slices else "refused"
    remedy = "" if found.slices else "give a folder with the slices of a CT series"
    kinds: dict[tuple[str, str], list[Path]] = {}
    for header, kind in found.others:
        kinds.setdefault(kind, []).append(header.file)
    for (code, words), files in sorted(kinds.items()):
        told = remedy
        if code == "multi_frame" and remedy:
            told = "convert it to one file a slice or to NIfTI, for example with dcm2niix"
        verdict.add(code, beside, f"{len(files)} DICOM object(s) {words}, left aside", told)
    if found.strays:
        count = Counter(suffix(file) or file.name for file in found.strays)
        told = ", ".join(f"{n} {kind}" for kind, n in sorted(count.items())[:5])
        verdict.add("stray_file", "skipped", f"{len(found.strays)} file(s) left aside: {told}")
    names = {suffix(header.file) for header in found.slices} | {"", ".dcm"}
    for code, words, files in (
        ("empty_file", "of zero bytes", found.empty),
        ("unreadable", "cannot be opened or read", found.unreadable),
    ):
        alike = [file for file in files if suffix(file) in names and file.name[0] != "."]
        strays = [file for file in files if file not in alike]
        if alike:
            verdict.add(
                code, "refused", named(alike, words), "copy the series again and check its rights"
            )
        if strays:
            verdict.add(code, "skipped", named(strays, f"{words}, left aside"))
    if found.damaged:
        verdict.add(
            "damaged_file",
            "refused",
            named(found.damaged, "are no whole DICOM files"),
            "copy the series again",
        )
    if not (found.slices or found.others):
        verdict.add(
            "no_ct", "refused", "no CT image", "give a folder with the slices of a CT series"
        )
