"""Search for scans below a path."""

import os
import stat
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.config.paths import expand
from lungcam.errors import InputError
from lungcam.findings import Finding, ScanCheck
from lungcam.scans.archive import ARCHIVES
from lungcam.scans.dicom_header import (
    FIRST_BYTES,
    DamagedHeader,
    is_dicom,
    is_directory,
    read_header,
    starts_like_dicom,
)
from lungcam.scans.multi_frame import is_enhanced
from lungcam.scans.names import name_key, safe_name, short_hash
from lungcam.scans.nifti import IMAGES, PAIR, header_file, image_file
from lungcam.scans.nodule_block import SUFFIX as BLOCK
from lungcam.scans.nodule_block import metadata_file
from lungcam.scans.silence import silence
from lungcam.scans.slice_checks import non_slice_kind
from lungcam.scans.walk import walk

LISTED = 20
VOLUME_SUFFIXES = (".mhd", ".mha", ".nii", ".nii.gz", ".nrrd", ".nhdr", ".hdr", ".hdr.gz", ".npy")
NOT_FOUND = Finding(
    code="not_found",
    outcome="refused",
    message="there is no such file or folder",
    remedy="check scan=",
)
NOT_REGULAR = Finding(
    code="unreadable",
    outcome="refused",
    message="neither a regular file nor a folder",
    remedy="give the file itself, not a pipe or a device",
)
NOT_A_SCAN = Finding(
    code="not_a_scan",
    outcome="refused",
    message="not a scan lungcam reads",
    remedy=f"give a DICOM folder, a .csv table or one of {', '.join(VOLUME_SUFFIXES)}",
)
ONE_SLICE = Finding(
    code="not_a_scan",
    outcome="refused",
    message="one DICOM file is no scan",
    remedy="give the folder with all slices of its series",
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
    path = expand(path)
    if not os.path.exists(path):
        raise InputError(f"{path}: {NOT_FOUND.sentence}")
    if path.is_file():
        file = _scan_file(path)
        if isinstance(file, Finding):
            raise InputError(f"{path}: {file.sentence}")
        if file.is_file():
            return [Source(file, scan_name(file))]
        path = file
    if not path.is_dir():
        raise InputError(f"{path}: {NOT_REGULAR.sentence}")
    result = search_folder(path, without)
    paths = result.scans or list(result.skipped)
    if not paths:
        raise InputError(f"{path}: {NO_SCAN.sentence}")
    if len(paths) == 1:
        return [Source(paths[0], scan_name(path.resolve()))]
    names = _unique_names(path, paths)
    return sorted((Source(scan, names[scan]) for scan in paths), key=lambda source: source.name)


def is_volume_file(path: Path) -> bool:
    """Return True if the file name is that of a supported volume format.

    Hidden files, such as the companions `._name` of macOS, are none, nor is a .hdr file without its
    .img or a .npy file without its metadata, since other programs use the suffixes, too.
    """
    name = path.name.lower()
    if name.startswith(".") or not name.endswith(VOLUME_SUFFIXES):
        return False
    if name.endswith(BLOCK):
        return metadata_file(path) is not None
    return not name.endswith(PAIR) or image_file(path) is not None


def _scan_file(path: Path) -> Path | Finding:
    """Return the file or folder to read for a file of the user, or the reason against it."""
    if path.name.lower().endswith((*VOLUME_SUFFIXES, *ARCHIVES)):
        return path
    if path.name.lower().endswith(IMAGES) and (header := header_file(path)):
        return header
    try:
        with path.open("rb") as stream:
            start = stream.read(FIRST_BYTES)
    except OSError:
        return NOT_A_SCAN
    if is_directory(path, start):
        return path.parent
    if not starts_like_dicom(start):
        return NOT_A_SCAN
    try:
        return path if is_enhanced(read_header(path)) else ONE_SLICE
    except (OSError, DamagedHeader):
        return ONE_SLICE


def scan_name(path: Path) -> str:
    """Name a scan after its path, without the volume suffix and special characters."""
    name = path.name
    for suffix in sorted((*VOLUME_SUFFIXES, *ARCHIVES), key=len, reverse=True):
        if path.is_file() and name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return safe_name(name) or "scan"


def _unique_names(root: Path, paths: list[Path]) -> dict[Path, str]:
    """Name each scan after itself, else after its relative path, else with a hash of that path."""
    relative = {path: path.relative_to(root) for path in paths}
    names = {path: scan_name(path) for path in paths}
    for longer_name in (
        lambda path: safe_name("_".join([*relative[path].parts[:-1], scan_name(path)])),
        lambda path: f"{scan_name(path)}_{short_hash(os.fsencode(relative[path]))}",
    ):
        counts = Counter(map(name_key, names.values()))
        names = {
            path: longer_name(path) if counts[name_key(name)] > 1 else name
            for path, name in names.items()
        }
    return names


def search_folder(path: Path, without: Path | None = None) -> SearchResult:
    """Find the scans below a folder; links are followed, and few headers are read.

    Args:
        path: Folder to search.
        without: Folder below it to leave out.
    """
    excluded = None if without is None else without.resolve()
    result = SearchResult()
    closed: list[Path] = []
    with silence():
        for folder, folders, names in walk(
            path, onerror=lambda error: closed.append(Path(error.filename))
        ):
            folders[:] = [name for name in folders if not _is_same(folder / name, excluded)]
            # pipes and devices would never end
            files = [path for name in names if _may_be_read(path := folder / name)]
            result.scans += [file for file in files if is_volume_file(file)]
            description = _describe_objects([file for file in files if not is_volume_file(file)])
            if description == "":
                result.scans.append(folder)
            elif description is not None:
                result.skipped[folder] = description
    # a folder that cannot be opened may hold a scan, and is reported when it is read
    result.scans += closed
    return result


def _may_be_read(file: Path) -> bool:
    """Return True for a regular file, and for one that is reported because it is not there."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return True


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
        file = _scan_file(path)
        if isinstance(file, Finding):
            check.findings.append(file)
            return None
        if file.is_file():
            return file
        path = file
    if not path.is_dir():
        check.findings.append(NOT_REGULAR)
        return None
    result = search_folder(path)
    if series is not None and (result.skipped or any(scan.is_dir() for scan in result.scans)):
        return path
    if len(result.scans) > 1:
        check.add(
            "several_scans",
            "refused",
            message=f"{len(result.scans)} scans below this folder",
            remedy=f"give one of them, or a series by series=: {_list_scans(result.scans)}",
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


def _list_scans(scans: Sequence[Path]) -> str:
    """Return the paths of scans, and of a DICOM folder its series and number of files."""
    listed = []
    for scan in scans[:LISTED]:
        files, uid = [], ""
        # a folder that cannot be read is named all the same
        with suppress(OSError, DamagedHeader, IndexError):
            files = sorted(filter(is_dicom, scan.iterdir()))
            uid = read_header(files[0]).series_uid
        listed.append(f"{scan} (series={uid}, {len(files)} files)" if uid else str(scan))
    more = f" and {len(scans) - LISTED} more" if len(scans) > LISTED else ""
    return f"{', '.join(listed)}{more}"


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

    for parent, _, names in walk(folder, onerror=report):
        files += [parent / name for name in names]
        if not deep:
            break
    return files
