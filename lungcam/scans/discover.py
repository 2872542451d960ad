"""Search for scans below a path."""

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.errors import InputError
from lungcam.findings import Finding, ScanCheck
from lungcam.scans.dicom_header import DamagedHeader, is_dicom, read_header
from lungcam.scans.silence import silence
from lungcam.scans.slice_checks import non_slice_kind

# a file name may have 255 bytes, and suffixes are appended
LONGEST_NAME = 120
VOLUME_SUFFIXES = (".mhd", ".mha", ".nii", ".nii.gz", ".nrrd")
NOT_FOUND = Finding(
    code="not_found",
    outcome="refused",
    message="there is no such file or folder",
    remedy="check scan=",
)
NOT_A_SCAN = Finding(
    code="not_a_scan",
    outcome="refused",
    message="not a scan lungcam reads",
    remedy=f"give a DICOM folder, a .csv table or one of {', '.join(VOLUME_SUFFIXES)}",
)
NO_SCAN = Finding(
    code="no_scan",
    outcome="refused",
    message=f"no DICOM series and no {', '.join(VOLUME_SUFFIXES)} file below this folder",
    remedy="give a folder with a CT series",
)


@dataclass(frozen=True)
class Source:
    """Volume file, or folder that directly holds DICOM files.

    Attributes:
        path: File or folder.
        name: Name for a folder, unique among the sources of one search.
    """

    path: Path
    name: str


@dataclass
class SearchResult:
    """Scans below a folder.

    Attributes:
        scans: Volume files, and folders with files that are or could be CT slices.
        skipped: DICOM folders without a CT slice, with a description of their objects.
    """

    scans: list[Path] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)


def discover(path: Path, without: Path | None = None) -> list[Source]:
    """List the scans below a path, sorted by name.

    A scan is named after its file or folder; scans that share a name are all named after their
    relative paths, so that no name depends on the order of the search.

    Args:
        path: Volume file, DICOM folder, or folder that holds either at any depth.
        without: Folder below `path` to leave out, such as a folder of results.

    Returns:
        A source for each volume file and each folder with CT slices; folders of other DICOM
        objects only if there is nothing else. A single source is named after `path`.

    Raises:
        InputError: The path does not exist or holds no scan.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: {NOT_FOUND.sentence}")
    if path.is_file():
        if not is_volume_file(path):
            raise InputError(f"{path}: {NOT_A_SCAN.sentence}")
        return [Source(path, scan_name(path))]
    result = search_folder(path, without)
    paths = result.scans or list(result.skipped)
    if not paths:
        raise InputError(f"{path}: {NO_SCAN.sentence}")
    if len(paths) == 1:
        return [Source(paths[0], scan_name(path.resolve()))]
    names = _unique_names(path, paths)
    return sorted((Source(scan, names[scan]) for scan in paths), key=lambda source: source.name)


def is_volume_file(path: Path) -> bool:
    """Return True if the file name is that of a supported volume format."""
    return path.name.lower().endswith(VOLUME_SUFFIXES)


def scan_name(path: Path) -> str:
    """Name a scan after its path, without the volume suffix and special characters."""
    name = path.name
    for suffix in sorted(VOLUME_SUFFIXES, key=len, reverse=True):
        if path.is_file() and name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return _safe_name(name) or "scan"


def _safe_name(name: str) -> str:
    return re.sub(r"[^\w.\-]+", "_", name)


def _unique_names(root: Path, paths: list[Path]) -> dict[Path, str]:
    """Name each scan after itself, else after its relative path, else with a hash of that path."""
    relative = {path: path.relative_to(root) for path in paths}
    names = {path: scan_name(path) for path in paths}
    for longer_name in (
        lambda path: "_".join([*map(_safe_name, relative[path].parts[:-1]), scan_name(path)]),
        lambda path: (
            f"{scan_name(path)}_{hashlib.sha256(os.fsencode(relative[path])).hexdigest()[:12]}"
        ),
    ):
        counts = Counter(names.values())
        names = {
            path: longer_name(path) if counts[name] > 1 or len(name) > LONGEST_NAME else name
            for path, name in names.items()
        }
    return names


def search_folder(path: Path, without: Path | None = None) -> SearchResult:
    """Find the scans below a folder; as few headers as necessary are read.

    Args:
        path: Folder to search.
        without: Folder below it to leave out.
    """
    excluded = None if without is None else without.resolve()
    result = SearchResult()
    closed: list[Path] = []
    with silence():
        for parent, folders, names in os.walk(
            path, onerror=lambda error: closed.append(Path(error.filename))
        ):
            folder = Path(parent)
            folders[:] = sorted(name for name in folders if not _is_same(folder / name, excluded))
            files = [folder / name for name in sorted(names)]
            result.scans += [file for file in files if is_volume_file(file)]
            description = _describe_objects([file for file in files if not is_volume_file(file)])
            if description == "":
                result.scans.append(folder)
            elif description is not None:
                result.skipped[folder] = description
    # a folder that cannot be opened may hold a scan, and is reported when it is read
    result.scans += closed
    return result


def _is_same(folder: Path, other: Path | None) -> bool:
    # names first: resolving every folder is slow
    return other is not None and folder.name == other.name and folder.resolve() == other


def _describe_objects(files: list[Path]) -> str | None:
    """Describe DICOM files: "" if any is or could be a CT slice, None if there are none."""
    description = None
    for file in files:
        if not is_dicom(file):
            continue
        try:
            kind = non_slice_kind(read_header(file))
        except (OSError, DamagedHeader):
            return ""
        if kind is None or kind[0] == "multi_frame":
            return ""
        description = description or kind[1]
    return description


def find_scan(check: ScanCheck, path: Path, *, series: str | None) -> Path | None:
    """Find the only scan below a path.

    Args:
        check: Receives the findings not_found, not_a_scan, no_scan, several_scans, wrong_modality
            and, for ignored folders, skipped_folder.
        path: File or folder.
        series: Requested SeriesInstanceUID; if given, all folders below count as one.

    Returns:
        The volume file or folder to read, None if it is refused.
    """
    if not os.path.exists(path):
        check.findings.append(NOT_FOUND)
        return None
    if path.is_file():
        if is_volume_file(path):
            return path
        check.findings.append(NOT_A_SCAN)
        return None
    result = search_folder(path)
    if series is not None and (result.skipped or any(scan.is_dir() for scan in result.scans)):
        return path
    if len(result.scans) > 1:
        check.add(
            "several_scans",
            "refused",
            message=f"{len(result.scans)} scans below this folder",
            remedy=f"give one of them, for example {result.scans[0]}, or a series by series=",
        )
        return None
    if result.scans:
        for description, count in sorted(Counter(result.skipped.values()).items()):
            message = f"{count} folder(s) {description} ignored"
            check.add("skipped_folder", "skipped", message=message)
        return result.scans[0]
    if len(result.skipped) > 1:
        kinds = ", ".join(sorted(set(result.skipped.values())))
        check.add(
            "wrong_modality",
            "refused",
            message=f"no CT slice below this folder, only objects {kinds}",
            remedy="give a folder with the slices of a CT series",
        )
        return None
    if result.skipped:
        return next(iter(result.skipped))
    # empty or damaged files are reported by name
    if any(entry.is_file() or entry.is_symlink() for entry in path.iterdir()):
        return path
    check.findings.append(NO_SCAN)
    return None


def list_files(check: ScanCheck, folder: Path, *, deep: bool) -> list[Path]:
    """List the files of a folder, sorted.

    Args:
        check: Receives the finding unreadable for folders that cannot be opened.
        folder: Folder.
        deep: True to list the files of all folders below, too.
    """
    files: list[Path] = []

    def report(error: OSError) -> None:
        check.add(
            "unreadable",
            "refused",
            message=f"{error.filename} cannot be opened",
            remedy="check its access rights",
        )

    for parent, folders, names in os.walk(folder, onerror=report):
        folders.sort()
        files += [Path(parent) / name for name in sorted(names)]
        if not deep:
            break
    return files
