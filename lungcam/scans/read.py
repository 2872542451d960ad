"""Read a scan, right or not at all."""

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.filebasedimages import ImageFileError

from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.scans.dicom import (
    LPS_TO_RAS,
    choose_series,
    find_series,
    hounsfield,
    read_series,
)
from lungcam.scans.discover import discover
from lungcam.scans.scan import Scan

# a CT shows air; a volume that never falls below this is not in HU
HIGHEST_MINIMUM_HU = -200
# what SimpleITK, nibabel and the decompression raise for a damaged file
UNREADABLE = (RuntimeError, OSError, EOFError, ValueError, zlib.error, ImageFileError)


def read_scan(path: str | Path, series: str | None = None) -> Scan:
    """Read one CT scan in HU.

    Args:
        path: A DICOM folder (the series may lie deeper), or a .mhd, .mha, .nii, .nii.gz or .nrrd
            file in HU.
        series: SeriesInstanceUID; by default the series with the most slices.

    Returns:
        The scan in its own axis order, with a RAS affine.

    Raises:
        InputError: The scan cannot be read right; the message names the file and the remedy.
    """
    path = Path(path)
    sources = discover(path)
    if len(sources) > 1:
        raise InputError(
            f"{path}: {len(sources)} scans below this folder; give one of them, for example "
            f"{sources[0].path}."
        )
    source = sources[0]
    if source.path.is_file():
        hu, grid = _read_volume(source.path)
        uid, warnings = None, []
    else:
        found, warnings = find_series(source.path)
        uid, more = choose_series(source.path, found, series)
        warnings += more
        hu, grid = read_series(source.path, found[uid])
    if hu.min() > HIGHEST_MINIMUM_HU:
        raise InputError(
            f"{source.path}: the lowest value is {hu.min()}, so these are not HU of a chest; "
            "convert the volume to HU first."
        )
    return Scan(source.name, source.path, hu, grid, uid, warnings)


def _read_volume(file: Path) -> tuple[np.ndarray, Grid]:
    """Read a volume file: its place through SimpleITK, and its values but for NIfTI."""
    image = sitk.ImageFileReader()
    image.SetFileName(str(file))
    try:
        image.ReadImageInformation()
        if file.name.lower().endswith((".nii", ".nii.gz")):
            # SimpleITK reads zeros for NaN and for what a file cut short lacks
            values = np.asanyarray(nib.load(file, mmap=False).dataobj)
        else:
            values = sitk.GetArrayFromImage(image.Execute()).T
    except UNREADABLE as error:
        raise InputError(f"{file}: cannot be read as a volume; copy or export it again.") from error
    size = image.GetSize()
    if len(size) != 3 or values.dtype.kind not in "iuf" or values.size != np.prod(size):
        raise InputError(f"{file}: not one 3D volume; export the CT as a single 3D volume.")
    if not np.isfinite(values).all():
        raise InputError(f"{file}: holds NaN or infinite values; export the CT again.")
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    hu = hounsfield(values).reshape(size, order="F")
    return hu, Grid(hu.shape, LPS_TO_RAS @ lps)
