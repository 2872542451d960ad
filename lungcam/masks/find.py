"""Search for the DICOM masks that were drawn on a scan: SEG and RTSTRUCT in the folders around."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from lungcam.masks.dicom_segmentation import LABEL_MAP, SEGMENTATION, list_segments, source_series
from lungcam.masks.structure_set import STRUCTURE_SET, contoured_series, list_regions
from lungcam.scans.dicom_header import FIRST_BYTES
from lungcam.scans.silence import silence
from lungcam.scans.walk import walk

# files that are opened next to a single series: the folder above may hold anything
MOST_FILES = 5000
# MediaStorageSOPClassUID in a file's first group
SOP_CLASS = re.compile(rb"\x02\x00\x02\x00UI..([0-9.]+)", re.DOTALL)
KINDS = {SEGMENTATION: "SEG", LABEL_MAP: "SEG", STRUCTURE_SET: "RTSTRUCT"}


@dataclass(frozen=True, kw_only=True)
class FoundMask:
    """A DICOM file with masks.

    Attributes:
        file: The file.
        kind: SEG or RTSTRUCT.
        names: Labels of its segments, or names of its regions.
        series_uid: SeriesInstanceUID of the scan that it was drawn on, "" if it names none.
        frame_uids: FrameOfReferenceUIDs of the masks.
    """

    file: Path
    kind: str
    names: tuple[str, ...]
    series_uid: str
    frame_uids: frozenset[str]

    def fits(self, series_uid: str | None, frame_uid: str | None) -> bool:
        """Return True if it was drawn on a series, or on another one of the same frame."""
        return (bool(series_uid) and self.series_uid == series_uid) or frame_uid in self.frame_uids

    @property
    def sentence(self) -> str:
        """File with the names, as a table or a command takes them."""
        return f"{self.file} ({self.kind}): {', '.join(self.names)}"


def find_masks(folders: Iterable[Path], around: Iterable[Path] = ()) -> list[FoundMask]:
    """Find SEG and RTSTRUCT files.

    Args:
        folders: Folders to search at any depth.
        around: Folders of single series: those that lie in the same folder are searched, too.
    """
    masks: dict[Path, FoundMask] = {}
    with silence():
        for file in (*_files_below(folders), *_files_around(around)):
            key = file.resolve()
            if key not in masks and (mask := _describe(file)) is not None:
                masks[key] = mask
    return sorted(masks.values(), key=lambda mask: mask.file)


def _files_below(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for parent, _, names in walk(folder):
            yield from (parent / name for name in names)


def _files_around(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the files of the folder above each folder, and those of its other sub-folders."""
    for above in dict.fromkeys(folder.resolve().parent for folder in folders):
        count = 0
        try:
            siblings = [above, *(path for path in sorted(above.iterdir()) if path.is_dir())]
            for folder in siblings:
                for file in sorted(folder.iterdir()):
                    count += 1
                    if count > MOST_FILES:
                        return
                    yield file
        except OSError:
            continue


def _describe(file: Path) -> FoundMask | None:
    """Return what a file holds; None for any other file."""
    try:
        with file.open("rb") as stream:
            match = SOP_CLASS.search(stream.read(FIRST_BYTES))
    except OSError:
        return None
    kind = match and KINDS.get(match[1].decode())
    if kind is None:
        return None
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        if kind == "SEG":
            names: Sequence[str] = [
                item.label or str(item.number) for item in list_segments(dataset)
            ]
            frames, series = [str(dataset.get("FrameOfReferenceUID", ""))], source_series(dataset)
        else:
            regions = list_regions(dataset)
            names, frames = [item.name for item in regions], [item.frame_uid for item in regions]
            series = contoured_series(dataset)
    # pydicom raises nearly any error for damaged bytes
    except Exception:
        return None
    return FoundMask(
        file=file,
        kind=kind,
        names=tuple(names),
        series_uid=series,
        frame_uids=frozenset(frames) - {""},
    )
