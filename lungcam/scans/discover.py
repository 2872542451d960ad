"""What there is to read under a path."""

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.errors import InputError
from lungcam.findings import ScanCheck
from lungcam.scans.dicom_header import DamagedHeader, is_dicom, read_header
from lungcam.scans.silence import silence
from lungcam.scans.slice_checks import kind_of

# a folder's name may have 255 bytes, and others are added beside it
LONGEST_NAME = 120
VOLUME_SUFFIXES = (".mhd", ".mha", ".nii", ".nii.gz", ".nrrd")
MISSING = ("there is no such file or folder", "check scan=")
OTHER_FILE = (
    "not a scan lungcam reads",
    f"give a DICOM folder, a .csv table or one of {', '.join(VOLUME_SUFFIXES)}",
)
NOTHING = (
    f"no DICOM series and no {', '.join(VOLUME_SUFFIXES)} file below this folder",
    "give a folder with a CT series",
)


@dataclass(frozen=True)
class Source:
    """A readable scan: a volume file, or a folder that directly holds DICOM files.

    Attributes:
        path: The file or folder.
        name: Unique among the sources found together, fit for a folder's name.
    """

    path: Path
    name: str


@dataclass
class Tree:
    """What lies below a folder.

    Attributes:
        scans: Volume files and folders with CT slices, or with what could be.
        aside: DICOM folders without a CT slice, with words for what they hold.
    """

    scans: list[Path] = field(default_factory=list)
    aside: dict[Path, str] = field(default_factory=dict)


def is_volume(path: Path) -> bool:
    """Whether a file's name is that of a volume format lungcam reads."""
    return path.name.lower().endswith(VOLUME_SUFFIXES)


def scan_name(path: Path) -> str:
    """A name for a scan from its path, without the volume suffix and without odd characters."""
    name = path.name
    for suffix in sorted(VOLUME_SUFFIXES, key=len, reverse=True):
        if path.is_file() and name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return _fit(name) or "scan"


def _fit(name: str) -> str:
    return re.sub(r"[^\w.\-]+", "_", name)


def discover(path: Path, without: Path | None = None) -> list[Source]:
    """List the scans under a path, sorted by name.

    A scan is named after its file or folder; scans of one name are all named after the way to them,
    so that no name hangs on the order in which they are found.

    Args:
        path: A volume file, a DICOM folder, or a folder of either at any depth.
        without: A folder somewhere below that is left out, such as one of results.

    Returns:
        One source for each volume file and each folder with CT slices; folders of other DICOM
        objects are left out unless there is nothing else. A single one is named after `path`
        itself.

    Raises:
        InputError: The path does not exist or holds no scan.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: {'; '.join(MISSING)}.")
    if path.is_file():
        if not is_volume(path):
            raise InputError(f"{path}: {'; '.join(OTHER_FILE)}.")
        return [Source(path, scan_name(path))]
    tree = look_through(path, without)
    found = tree.scans or list(tree.aside)
    if not found:
        raise InputError(f"{path}: {'; '.join(NOTHING)}.")
    if len(found) == 1:
        return [Source(found[0], scan_name(path.resolve()))]
    names = _unique_names(path, found)
    return sorted((Source(one, names[one]) for one in found), key=lambda source: source.name)


def _unique_names(root: Path, found: list[Path]) -> dict[Path, str]:
    """Name each scan by itself, else by the way to it, else with a hash of the way, too."""
    ways = {one: one.relative_to(root) for one in found}
    names = {one: scan_name(one) for one in found}
    for longer in (
        lambda one: "_".join([*map(_fit, ways[one].parts[:-1]), scan_name(one)]),
        lambda one: f"{scan_name(one)}_{hashlib.sha256(os.fsencode(ways[one])).hexdigest()[:12]}",
    ):
        counts = Counter(names.values())
        names = {
            one: longer(one) if counts[name] > 1 or len(name) > LONGEST_NAME else name
            for one, name in names.items()
        }
    return names


def look_through(path: Path, without: Path | None = None) -> Tree:
    """Find the scans below a folder; of each DICOM folder as few headers are read as will do."""
    left_out = None if without is None else without.resolve()
    tree = Tree()
    closed: list[Path] = []
    with silence():
        for folder, folders, files in os.walk(
            path, onerror=lambda error: closed.append(Path(error.filename))
        ):
            here = Path(folder)
            folders[:] = sorted(one for one in folders if not _is_same(here / one, left_out))
            inside = [here / name for name in sorted(files)]
            tree.scans += [file for file in inside if is_volume(file)]
            kind = _kind([file for file in inside if not is_volume(file)])
            if kind == "":
                tree.scans.append(here)
            elif kind is not None:
                tree.aside[here] = kind
    # what may not be opened could be a scan, and is named when it is read
    tree.scans += closed
    return tree


def _is_same(folder: Path, other: Path | None) -> bool:
    """Whether two folders are one; few are asked for where they lead to."""
    return other is not None and folder.name == other.name and folder.resolve() == other


def _kind(files: list[Path]) -> str | None:
    """Words for a folder's DICOM files, empty if any is or could be a slice; None without any."""
    words = None
    for file in files:
        if not is_dicom(file):
            continue
        try:
            kind = kind_of(read_header(file))
        except (OSError, DamagedHeader):
            return ""
        if kind is None or kind[0] == "multi_frame":
            return ""
        words = words or kind[1]
    return words


def survey(verdict: ScanCheck, path: Path, *, series: str | None) -> Path | None:
    """Find the one scan a path means.

    Args:
        verdict: Takes the findings not_found, not_a_scan, several_scans, wrong_modality and, for
            folders left aside, skipped_folder.
        path: A file or folder.
        series: The wanted SeriesInstanceUID; then all folders below count as one.

    Returns:
        The volume file or the folder to read, None if it is refused.
    """
    if not os.path.exists(path):
        verdict.add("not_found", "refused", *MISSING)
        return None
    if path.is_file():
        if is_volume(path):
            return path
        verdict.add("not_a_scan", "refused", *OTHER_FILE)
        return None
    tree = look_through(path)
    if series is not None and (tree.aside or any(one.is_dir() for one in tree.scans)):
        return path
    if len(tree.scans) > 1:
        verdict.add(
            "several_scans",
            "refused",
            f"{len(tree.scans)} scans below this folder",
            f"give one of them, for example {tree.scans[0]}, or a series by series=",
        )
        return None
    if tree.scans:
        for words, count in sorted(Counter(tree.aside.values()).items()):
            verdict.add("skipped_folder", "skipped", f"{count} folder(s) {words} left aside")
        return tree.scans[0]
    if len(tree.aside) > 1:
        kinds = ", ".join(sorted(set(tree.aside.values())))
        verdict.add(
            "wrong_modality",
            "refused",
            f"no CT slice below this folder, only objects {kinds}",
            "give a folder with the slices of a CT series",
        )
        return None
    if tree.aside:
        return next(iter(tree.aside))
    # empty or damaged files are to be named
    if any(one.is_file() or one.is_symlink() for one in path.iterdir()):
        return path
    verdict.add("no_scan", "refused", *NOTHING)
    return None


def list_files(verdict: ScanCheck, folder: Path, *, deep: bool) -> list[Path]:
    """A folder's files, or those of all folders below, sorted; closed folders are noted."""
    files: list[Path] = []

    def note(error: OSError) -> None:
        verdict.add(
            "unreadable", "refused", f"{error.filename} cannot be opened", "check its rights"
        )

    for here, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        files += [Path(here) / name for name in sorted(names)]
        if not deep:
            break
    return files
