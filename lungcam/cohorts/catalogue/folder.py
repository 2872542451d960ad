"""What one folder of a DICOM tree holds, from as few headers as will do."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.cohorts.catalogue.tags import Tags, read_tags
from lungcam.scans.headers import DamagedHeader
from lungcam.scans.quiet import quiet

SAMPLED = 5
# usual companions, not to be opened; what is not listed here is told by its first bytes
OTHER_SUFFIXES = (".xml", ".csv", ".txt", ".json", ".pdf", ".png", ".jpg", ".zip", ".gz", ".nii")
OTHER_NAMES = ("dicomdir", "license", "readme", "version", "lockfile")


@dataclass(frozen=True)
class Entry:
    """A series as found in one folder: what its headers tell, and its slices."""

    tags: Tags
    slices: int


@dataclass
class Folder:
    """What one folder directly holds.

    Attributes:
        subfolders: Names, sorted.
        sampled: Name, size and mtime_ns of files that stand for all.
        entries: One for each series.
        damaged: Files that bear the marks of DICOM and cannot be understood or opened.
    """

    subfolders: list[str] = field(default_factory=list)
    sampled: list[tuple[str, int, int]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    damaged: int = 0


def read_folders(folders: Sequence[str]) -> list[Folder | None]:
    """Read several folders; None stands for one that cannot be opened."""
    with quiet():
        return [read_folder(folder) for folder in folders]


def read_folder(folder: str) -> Folder | None:
    """List a folder and read a few headers spread over its sorted file names.

    Files are taken by suffix, since one suffix seldom stands for two kinds. Where the headers of
    all suffixes are of one series, every file beside them counts as its slice unread; where they
    differ, all are read.
    """
    found = Folder()
    groups: dict[str, list[str]] = {}
    try:
        with os.scandir(folder) as listing:
            for item in listing:
                try:
                    if item.is_dir():
                        found.subfolders.append(item.name)
                    elif item.is_file() and could_be_dicom(item.name):
                        groups.setdefault(_suffix(item.name), []).append(item.name)
                except OSError:  # a link that leads nowhere, or round in a circle
                    continue
    except OSError:
        return None
    found.subfolders.sort()
    here = Path(folder)
    chosen = {suffix: spread(sorted(names)) for suffix, names in groups.items()}
    # before they are read: a change from here on is seen the next time
    found.sampled = sorted(_stamp(here / name) for names in chosen.values() for name in names)
    few = {suffix: {name: _read(here / name) for name in chosen[suffix]} for suffix in groups}
    kinds = {_kind(tags) for some in few.values() for tags in some.values()}
    dicom = [suffix for suffix, some in few.items() if any(map(_is_dicom, some.values()))]
    whole = all(all(map(_is_dicom, few[suffix].values())) for suffix in dicom)
    if len(kinds - {None}) <= 1 and whole and "damaged" not in kinds:
        read = [tags for suffix in dicom for tags in few[suffix].values()]
        if read:
            count = sum(len(groups[suffix]) for suffix in dicom)
            found.entries = [Entry(_agree(read), count)]
        return found
    by_uid: dict[str, list[Tags]] = {}
    for suffix in dicom:
        for name in sorted(groups[suffix]):
            tags = few[suffix][name] if name in few[suffix] else _read(here / name)
            if tags == "damaged":
                found.damaged += 1
            elif tags is not None:
                by_uid.setdefault(tags.series_uid, []).append(tags)
    for uid in sorted(by_uid):
        images = [tags for tags in by_uid[uid] if not tags.localizer] or by_uid[uid]
        found.entries.append(Entry(_agree(images), len(images)))
    return found


def could_be_dicom(name: str) -> bool:
    """Whether a file's name lets it be a DICOM image; many have no suffix or that of a UID."""
    return not (
        name.startswith(".")
        or name.lower().split(".")[0] in OTHER_NAMES
        or _suffix(name) in OTHER_SUFFIXES
    )


def spread(names: Sequence[str]) -> list[str]:
    """First, last and some between, evenly."""
    if len(names) <= SAMPLED:
        return list(names)
    return [names[i * (len(names) - 1) // (SAMPLED - 1)] for i in range(SAMPLED)]


def unchanged(folder: str, sampled: Sequence[tuple[str, int, int]]) -> bool:
    """Whether the sampled files still have their sizes and times."""
    try:
        for name, size, mtime_ns in sampled:
            status = os.stat(f"{folder}{os.sep}{name}")
            if status.st_size != size or status.st_mtime_ns != mtime_ns:
                return False
    except OSError:
        return False
    return True


def _read(file: Path) -> Tags | str | None:
    """A file's tags, `"damaged"`, or None if it is not DICOM."""
    try:
        return read_tags(file)
    except (OSError, DamagedHeader):
        return "damaged"


def _is_dicom(tags: Tags | str | None) -> bool:
    return tags is not None


def _kind(tags: Tags | str | None) -> tuple[str, bool] | str | None:
    return (tags.series_uid, tags.localizer) if isinstance(tags, Tags) else tags


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return file.name, -1, -1
    return file.name, status.st_size, status.st_mtime_ns


def _suffix(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    return "" if suffix[1:].isdigit() else suffix


def _agree(read: Sequence[Tags]) -> Tags:
    """What most of a series' headers say."""
    return Counter(read).most_common(1)[0][0]
