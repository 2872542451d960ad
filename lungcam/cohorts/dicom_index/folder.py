"""Series directly in one folder of a DICOM tree, read from as few headers as possible."""

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

SAMPLED = 5
# usual companions, which are not opened; the kind of other files is decided by their first bytes
OTHER_SUFFIXES = (".xml", ".csv", ".txt", ".json", ".pdf", ".png", ".jpg", ".zip", ".gz", ".nii")
OTHER_NAMES = ("dicomdir", "license", "readme", "version", "lockfile")


@dataclass(frozen=True)
class Entry:
    """A series in one folder.

    Attributes:
        tags: Tags of most of its headers.
        slices: Number of files that are its images.
        digest: Digest of the SOPInstanceUIDs that were read.
    """

    tags: Tags
    slices: int
    digest: str


@dataclass(kw_only=True)
class Folder:
    """Direct contents of one folder.

    Attributes:
        subfolders: Names, sorted.
        sampled: Name, size and mtime_ns of the files that represent all.
        entries: Entries, one for each series.
        damaged: Number of files that begin like DICOM but are damaged or cannot be opened.
    """

    subfolders: list[str] = field(default_factory=list)
    sampled: list[tuple[str, int, int]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    damaged: int = 0


def read_folders(folders: Sequence[str]) -> list[Folder | None]:
    """Read several folders; None for a folder that cannot be opened."""
    with silence():
        return [read_folder(folder) for folder in folders]


def read_folder(path: str) -> Folder | None:
    """List a folder and read a few headers spread over its sorted file names.

    Files are grouped by suffix, since one suffix rarely has two kinds of files. If the headers are
    of one series and their numbers show that they represent all files (see `represent_all`), the
    others count as its slices unread; else all are read.
    """
    folder = Folder()
    groups: dict[str, list[str]] = {}
    try:
        with os.scandir(path) as listing:
            for item in listing:
                try:
                    if item.is_dir():
                        folder.subfolders.append(item.name)
                    elif item.is_file() and could_be_dicom(item.name):
                        groups.setdefault(_suffix(item.name), []).append(item.name)
                except OSError:  # a link to nowhere or to itself
                    continue
    except OSError:
        return None
    folder.subfolders.sort()
    parent = Path(path)
    chosen = {suffix: spread(sorted(names)) for suffix, names in groups.items()}
    # before they are read, so that a later change is detected in the next run
    folder.sampled = sorted(_stamp(parent / name) for names in chosen.values() for name in names)
    samples = {suffix: {name: _read(parent / name) for name in chosen[suffix]} for suffix in groups}
    dicom = [
        suffix
        for suffix, images in samples.items()
        if any(image is not None for image in images.values())
    ]
    if len(dicom) == 1 and _is_one_series(samples[dicom[0]].values()):
        names = sorted(groups[dicom[0]])
        if represent_all(samples[dicom[0]], names, folder=parent.name):
            folder.entries = [_entry(samples[dicom[0]].values(), len(names))]
            return folder
    by_uid: dict[str, list[Image]] = {}
    for suffix in dicom:
        for name in sorted(groups[suffix]):
            known = name in samples[suffix]
            image = samples[suffix][name] if known else _read(parent / name)
            if image == "damaged":
                folder.damaged += 1
            elif image is not None:
                by_uid.setdefault(image.tags.series_uid, []).append(image)
    for uid in sorted(by_uid):
        images = without_localizers(by_uid[uid])
        folder.entries.append(_entry(images, len(images)))
    return folder


def read_sop_uids(folder: Path) -> dict[str, set[str]]:
    """Return the SOPInstanceUIDs of all images directly in a folder, by SeriesInstanceUID."""
    by_uid: dict[str, list[Image]] = {}
    with silence(), os.scandir(folder) as listing:
        names = [item.name for item in listing if could_be_dicom(item.name) and item.is_file()]
        for image in (_read(folder / name) for name in names):
            if isinstance(image, Image):
                by_uid.setdefault(image.tags.series_uid, []).append(image)
    return {uid: {image.sop_uid for image in without_localizers(by_uid[uid])} for uid in by_uid}


def is_unchanged(folder: str, sampled: Sequence[tuple[str, int, int]]) -> bool:
    """Return True if the sampled files still have their sizes and times."""
    try:
        for name, size, mtime_ns in sampled:
            status = os.stat(f"{folder}{os.sep}{name}")
            if status.st_size != size or status.st_mtime_ns != mtime_ns:
                return False
    except OSError:
        return False
    return True


def represent_all(samples: Mapping[str, Image], names: Sequence[str], *, folder: str) -> bool:
    """Return True if the images that were read show that all files are of their series.

    They do if their InstanceNumbers rise or fall by one from file to file over the names: a file of
    another series between two of them would shift the later ones. They also do if the names are in
    no order of slices, as in LIDC-IDRI from The Cancer Imaging Archive and all of the Imaging Data
    Commons, but the folder is named after the series, as in both, and all numbers fit into a series
    of that many files. In that case a file of another series is not detected.

    Args:
        samples: Images of one series by file name.
        names: Names of all files, sorted.
        folder: Name of the folder.
    """
    if len(samples) == len(names):
        return True
    numbers = {name: image.number for name, image in samples.items() if image.number is not None}
    if len(set(numbers.values())) < len(samples):
        return False
    for order in (names, sorted(names, key=_natural)):
        rank = {name: k for k, name in enumerate(order)}
        ranked = sorted((rank[name], number) for name, number in numbers.items())
        if any(len({n - sign * k for k, n in ranked}) == 1 for sign in (1, -1)):
            return True
    if len({after > before for (_, before), (_, after) in pairwise(ranked)}) == 1:
        # in order but with a gap: other files are in between
        return False
    uid = next(iter(samples.values())).tags.series_uid
    fit = max(numbers.values()) - min(numbers.values()) < len(names)
    return fit and _is_named_after(folder, uid)


def _is_named_after(folder: str, uid: str) -> bool:
    """Return True if a folder's name holds the UID, or ends in its last 5 digits as NBIA's do."""
    return uid in re.split(r"[^0-9.]+", folder) or folder.endswith(f"-{uid[-5:]}")


def _natural(name: str) -> list[str | int]:
    """Return a sort key that orders numbers by their value: 2 before 10."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"([0-9]+)", name))]


def without_localizers(images: Sequence[Image]) -> Sequence[Image]:
    """Return the images of a series; localizers only if there is nothing else."""
    return [image for image in images if not image.tags.localizer] or images


def could_be_dicom(name: str) -> bool:
    """Return True if a file of this name can be DICOM; many have no suffix or that of a UID."""
    return not (
        name.startswith(".")
        or name.lower().split(".")[0] in OTHER_NAMES
        or _suffix(name) in OTHER_SUFFIXES
    )


def spread(names: Sequence[str]) -> list[str]:
    """Return the first, the last and some names in between, evenly spaced."""
    if len(names) <= SAMPLED:
        return list(names)
    return [names[i * (len(names) - 1) // (SAMPLED - 1)] for i in range(SAMPLED)]


def _read(file: Path) -> Image | str | None:
    """Return a file's tags, `"damaged"`, or None if it is not DICOM."""
    try:
        return read_image(file)
    except (OSError, DamagedHeader):
        return "damaged"


def _is_one_series(images: Iterable[Image | str | None]) -> bool:
    """Return True if all are images of one series, and all or none of them localizers."""
    kinds = {
        (image.tags.series_uid, image.tags.localizer) if isinstance(image, Image) else None
        for image in images
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
    """Return a series with the tags that most of its headers have."""
    tags = Counter(image.tags for image in images).most_common(1)[0][0]
    content = "\n".join(sorted({image.sop_uid for image in images}))
    return Entry(tags, slices, hashlib.sha256(content.encode()).hexdigest()[:16])
