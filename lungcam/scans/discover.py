"""What there is to read under a path."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lungcam.errors import InputError

VOLUME_SUFFIXES = (".mhd", ".mha", ".nii", ".nii.gz", ".nrrd")


@dataclass(frozen=True)
class Source:
    """A readable scan: a volume file, or a folder that directly holds DICOM files.

    Attributes:
        path: The file or folder.
        name: Unique among the sources found together, fit for a folder's name.
    """

    path: Path
    name: str


def is_volume(path: Path) -> bool:
    """Whether a file's name is that of a volume format lungcam reads."""
    return path.name.lower().endswith(VOLUME_SUFFIXES)


def is_dicom(path: Path) -> bool:
    """Whether a file bears the DICOM prefix (PS3.10: 'DICM' after 128 bytes).

    A DICOMDIR, the table of contents of a disc, bears it too but is no image.
    """
    if not path.is_file() or path.name.upper() == "DICOMDIR":
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def stem(path: Path) -> str:
    """A name for a scan from its path, without the volume suffix and without odd characters."""
    name = path.name
    for suffix in sorted(VOLUME_SUFFIXES, key=len, reverse=True):
        if path.is_file() and name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return re.sub(r"[^\w.\-]+", "_", name) or "scan"


def discover(path: Path) -> list[Source]:
    """List the scans under a path, sorted by name.

    Args:
        path: A volume file, a DICOM folder, or a folder of either at any depth.

    Returns:
        One source for each volume file and each folder with DICOM files. A single one is named
        after `path` itself.

    Raises:
        InputError: The path does not exist or holds no scan.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder; check scan=.")
    if path.is_file():
        if not is_volume(path):
            raise InputError(
                f"{path}: not a scan lungcam reads; give a DICOM folder, a .csv table or one of "
                f"{', '.join(VOLUME_SUFFIXES)}."
            )
        return [Source(path, stem(path))]
    found = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        here = Path(folder)
        found += [here / name for name in sorted(files) if is_volume(here / name)]
        if any(is_dicom(here / name) for name in sorted(files) if not is_volume(here / name)):
            found.append(here)
    if not found:
        raise InputError(
            f"{path}: no DICOM series and no {', '.join(VOLUME_SUFFIXES)} file below this folder."
        )
    if len(found) == 1:
        return [Source(found[0], stem(path.resolve()))]
    sources: dict[str, Source] = {}
    for source in found:
        name, count = stem(source), 1
        while name in sources:
            count += 1
            name = f"{stem(source)}_{count}"
        sources[name] = Source(source, name)
    return [sources[name] for name in sorted(sources)]
