"""What one folder of a DICOM tree holds, from as few headers as will do.

Whether a few files of a folder stand for all of them.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from lungcam.cohorts.dicom_index.tags import Image, Tags, read_image
from lungcam.scans.dicom_header import DamagedHeader
from lungcam.scans.silence import silence


def stand_for(few: Mapping[str, Image], names: Sequence[str], *, folder: str) -> bool:
    """Whether the images that were read show that all files are of their series.

    They do where their InstanceNumbers run evenly over the names, one up or one down a file: a
    file of another series between two of them would shift the later ones. They do also where the
    names stand in no order of slices, as LIDC-IDRI's from The Cancer Imaging Archive and all of
    the Imaging Data Commons, if the folder is named after the series, as both do, and all numbers
    fit into a series of that many files. Then a stranger among the files goes unseen.

    Args:
        few: Images of one series by file name.
        names: All files' names, sorted.
        folder: The folder's name.
    """
    if len(few) == len(names):
        return True
    numbers = {name: image.number for name, image in few.items() if image.number is not None}
    if len(set(numbers.values())) < len(few):
        return False
    for order in (names, sorted(names, key=_natural)):
        rank = {name: k for k, name in enumerate(order)}
        ranked = sorted((rank[name], number) for name, number in numbers.items())
        if any(len({n - sign * k for k, n in ranked}) == 1 for sign in (1, -1)):
            return True
    if len({after > before for (_, before), (_, after) in pairwise(ranked)}) == 1:
        # in order, and yet not even: something lies between
        return False
    uid = next(iter(few.values())).tags.series_uid
    fit = max(numbers.values()) - min(numbers.values()) < len(names)
    return fit and _named_after(folder, uid)


def _named_after(folder: str, uid: str) -> bool:
    """Whether a folder's name holds the UID, or ends in its last 5 figures as NBIA's do."""
    return uid in re.split(r"[^0-9.]+", folder) or folder.endswith(f"-{uid[-5:]}")


def _natural(name: str) -> list[str | int]:
    """With numbers by their value: 2 before 10."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"([0-9]+)", name))]


SAMPLED = 5
# usual companions, not to be opened; what is not listed here is told by its first bytes
OTHER_SUFFIXES = (".xml", ".csv", ".txt", ".json", ".pdf", ".png", ".jpg", ".zip", ".gz", ".nii")
OTHER_NAMES = ("dicomdir", "license", "readme", "version", "lockfile")


@dataclass(frozen=True)
class Entry:
    """A series as found in one folder.

    Attributes:
        tags: What its headers tell.
        slices: Files that are its images.
        digest: Of the SOPInstanceUIDs that were read.
    """

    tags: Tags
    slices: int
    digest: str


@dataclass(kw_only=True)
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
    with silence():
        return [read_folder(folder) for folder in folders]


def read_folder(folder: str) -> Folder | None:
    """List a folder and read a few headers spread over its sorted file names.

    Files are taken by suffix, since one suffix seldom stands for two kinds. Where the headers are
    of one series and their numbers show that they stand for all files (see `stand_for`), the others
    count as its slices unread; else all are read.
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
    dicom = [suffix for suffix, some in few.items() if any(map(_is_dicom, some.values()))]
    if len(dicom) == 1 and _is_one_series(few[dicom[0]].values()):
        names = sorted(groups[dicom[0]])
        if stand_for(few[dicom[0]], names, folder=here.name):
            found.entries = [_entry(few[dicom[0]].values(), len(names))]
            return found
    by_uid: dict[str, list[Image]] = {}
    for suffix in dicom:
        for name in sorted(groups[suffix]):
            image = few[suffix][name] if name in few[suffix] else _read(here / name)
            if image == "damaged":
                found.damaged += 1
            elif image is not None:
                by_uid.setdefault(image.tags.series_uid, []).append(image)
    for uid in sorted(by_uid):
        images = without_localizers(by_uid[uid])
        found.entries.append(_entry(images, len(images)))
    return found


def read_sop_uids(folder: Path) -> dict[str, set[str]]:
    """SOPInstanceUIDs of all images directly in a folder, by SeriesInstanceUID."""
    by_uid: dict[str, list[Image]] = {}
    with silence(), os.scandir(folder) as listing:
        names = [item.name for item in listing if could_be_dicom(item.name) and item.is_file()]
        for image in (_read(folder / name) for name in names):
            if isinstance(image, Image):
                by_uid.setdefault(image.tags.series_uid, []).append(image)
    return {uid: {one.sop_uid for one in without_localizers(by_uid[uid])} for uid in by_uid}


def without_localizers(images: Sequence[Image]) -> Sequence[Image]:
    """Images of a series; localizers only where there is nothing else."""
    return [one for one in images if not one.tags.localizer] or images


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


def _read(file: Path) -> Image | str | None:
    """A file's tags, `"damaged"`, or None if it is not DICOM."""
    try:
        return read_image(file)
    except (OSError, DamagedHeader):
        return "damaged"


def _is_dicom(image: Image | str | None) -> bool:
    return image is not None


def _is_one_series(images: Iterable[Image | str | None]) -> bool:
    """Whether all are images of one series, and all or none of them localizers."""
    kinds = {
        (one.tags.series_uid, one.tags.localizer) if isinstance(one, Image) else None
        for one in images
    }
    return len(kinds) == 1 and None not in kinds


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return file.name, -1, -1
    return file.name, status.st_size, status.st_mtime_ns


def _suffix(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    return "" if suffix[1:].isdigit() else suffix


def _entry(images: Iterable[Image], slices: int) -> Entry:
    """A series, by what most of its headers say."""
    told = Counter(one.tags for one in images).most_common(1)[0][0]
    content = "\n".join(sorted({one.sop_uid for one in images}))
    return Entry(told, slices, hashlib.sha256(content.encode()).hexdigest()[:16])
