"""Read a scan, right or not at all."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.scans.dicom import (
    LPS_TO_RAS,
    choose_series,
    find_series,
    hounsfield,
    read_series,
)
from lungcam.scans.discover import discover, is_volume
from lungcam.scans.scan import Scan

# a CT shows air; a volume that never falls below this is not in HU
HIGHEST_MINIMUM_HU = -200


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
    if is_volume(source.path):
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
    """Read a volume file through SimpleITK."""
    try:
        image = sitk.ReadImage(str(file))
    except RuntimeError as error:
        raise InputError(f"{file}: cannot be read as a volume; copy or export it again.") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{file}: not one 3D volume; export the CT as a single 3D volume.")
    values = sitk.GetArrayFromImage(image)
    if not np.isfinite(values).all():
        raise InputError(f"{file}: holds NaN or infinite values; export the CT again.")
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    hu = hounsfield(values).transpose(2, 1, 0)
    return hu, Grid(hu.shape, LPS_TO_RAS @ lps)
