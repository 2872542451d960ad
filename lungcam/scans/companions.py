"""All files that a scan is read from: a change of any of them changes the scan."""

from pathlib import Path

from lungcam.scans.itk_formats import data_file
from lungcam.scans.nifti import IMAGES, PAIR, header_file, image_file
from lungcam.scans.nodule_block import SUFFIX, metadata_file
from lungcam.scans.nrrd import data_files
from lungcam.scans.walk import walk


def scan_files(scan: Path) -> list[Path]:
    """Return the files of a scan, sorted.

    Args:
        scan: Folder, all files below it count, or volume file, which may name others.

    Raises:
        OSError: A header cannot be read.
    """
    if scan.is_dir():
        # a series may be in a sub-folder, or behind a link
        return sorted(folder / name for folder, _, names in walk(scan) for name in names)
    return [file for file in dict.fromkeys((scan, *_companions(scan))) if file.is_file()]


def _companions(file: Path) -> list[Path]:
    """Return the files of the voxels of a header."""
    name = file.name.lower()
    if name.endswith((*PAIR, *IMAGES)):
        other = image_file(file) if name.endswith(PAIR) else header_file(file)
        return [] if other is None else [other]
    if file.exists() and not file.is_file():
        return []
    # by any ending a header may name a file
    if name.endswith((".mhd", ".mha")):
        other = data_file(file)
        return [] if other is None else [other]
    if name.endswith(SUFFIX):
        other = metadata_file(file)
        return [] if other is None else [other]
    return data_files(file) if name.endswith((".nhdr", ".nrrd")) else []
