"""Reading of a scan from a file or a DICOM folder, and writing of a NIfTI volume."""

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import isal_zlib

from lungcam.config.paths import expand
from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.runtime.atomic import atomic_write
from lungcam.scans.acquisitions import check_neighbours
from lungcam.scans.archive import unpacked
from lungcam.scans.dicom_header import valid_uid
from lungcam.scans.dicom_series import read_series
from lungcam.scans.discover import VOLUME_SUFFIXES, find_scan, list_files, scan_name
from lungcam.scans.hounsfield import check_values, fill_padding
from lungcam.scans.scan import Scan, Volume
from lungcam.scans.silence import silence
from lungcam.scans.volume_file import read_volume_file

# a whole chest measures over 200 mm from head to foot; less is a part of it
FEWEST_SLICES = 10
LEAST_COVERAGE_MM = 100.0
# voxel sizes of clinical CT; spacings in m, cm or µm fall outside
VOXEL_MM = (0.1, 10.0)
LONGEST_VOXEL_MM = 30.0
# a heat-map is compressed as well as by zlib's level 1, in an eighth of the time
LEVEL = 1
# window bits of a stream in gzip's format
GZIP = 31


def read_scan(
    path: str | Path,
    series: str | None = None,
    *,
    whole_chest: bool = True,
    time: int | None = None,
    tilt: str = "straighten",
) -> Scan:
    """Read one CT scan in HU.

    Args:
        path: DICOM folder (the series may lie deeper), volume file in HU with one of
            `discover.VOLUME_SUFFIXES`, or archive of either; `~` is the user's home.
        series: SeriesInstanceUID, searched for in all folders below; by default the stack with the
            most slices in the only folder that holds CT images.
        time: Index from 0 of the volume, for a file of four dimensions.
        tilt: `straighten` resamples the slices of a tilted gantry to an upright volume, with a
            warning; `refuse` refuses them.
        whole_chest: True to refuse a scan that does not show a whole chest; False for crops.

    Returns:
        The scan in its own axis order, with a RAS affine.

    Raises:
        InputError: The scan cannot be read correctly; the message names the path, all faults and
            the remedies in one line.

    Examples:
        >>> scan = read_scan("path/to/dicom_folder")
        >>> scan.hu.shape, scan.grid.spacing_mm
    """
    check, scan = check_scan(path, series, whole_chest=whole_chest, time=time, tilt=tilt)
    check.raise_if_unusable()
    assert scan is not None
    return scan


def check_scan(
    path: str | Path,
    series: str | None = None,
    *,
    whole_chest: bool = True,
    time: int | None = None,
    tilt: str = "straighten",
) -> tuple[ScanCheck, Scan | None]:
    """Read one CT scan and collect all its faults; see `read_scan` for the arguments.

    Returns:
        The findings, and the scan if it is usable. Faulty input raises no error.
    """
    path = expand(path)
    check = ScanCheck(str(path))
    series = series and valid_uid(series)
    source = volume = None
    with silence(), unpacked(check, path) as folder:
        if folder is not None:
            source = find_scan(check, folder, series=series)
        if source is not None:
            volume = _read_volume(check, source, series=series, time=time, tilt=tilt)
        if folder != path:
            # what was unpacked is gone with its folder
            _rename(check, folder, path)
            volume = volume and replace(volume, hu=np.array(volume.hu), folder=path)
    if source is None or volume is None:
        return check, None
    _check_extent(check, volume, whole_chest=whole_chest)
    check_values(check, volume.hu, whole_chest=whole_chest)
    if whole_chest and check.usable:
        axis = int(np.argmax(np.abs(volume.grid.affine[2, :3]) / volume.grid.spacing_mm))
        check_neighbours(check, volume.hu, axis=axis)
    if not check.usable:
        return check, None
    fill_padding(check, volume.hu)
    return check, Scan(
        name=scan_name(path if path.is_file() else path.resolve()),
        source=volume.folder or source,
        hu=volume.hu,
        grid=volume.grid,
        series_uid=volume.series_uid,
        study_uid=volume.study_uid,
        frame_uid=volume.frame_uid,
        check=check,
        slices=volume.slices,
    )


def _rename(check: ScanCheck, folder: Path | None, archive: Path) -> None:
    """Name the archive in the findings in place of its temporary folder."""
    check.findings[:] = [
        replace(
            finding,
            message=finding.message.replace(str(folder), str(archive)),
            remedy=finding.remedy.replace(str(folder), str(archive)),
        )
        for finding in check.findings
    ]


def _read_volume(
    check: ScanCheck, source: Path, *, series: str | None, time: int | None, tilt: str
) -> Volume | None:
    if source.is_file() and not source.name.lower().endswith(VOLUME_SUFFIXES):
        return read_series(check, [source], series_uid=series, tilt=tilt)
    if source.is_file():
        return read_volume_file(check, source, time=time, tilt=tilt)
    files = list_files(check, source, deep=series is not None)
    return read_series(check, files, series_uid=series, tilt=tilt)


def _check_extent(check: ScanCheck, volume: Volume, *, whole_chest: bool) -> None:
    """Refuse implausible voxel sizes and, for a whole chest, too few slices."""
    spacing = sorted(volume.grid.spacing_mm)
    if not (VOXEL_MM[0] <= spacing[0] and spacing[1] <= VOXEL_MM[1]) or (
        spacing[2] > LONGEST_VOXEL_MM
    ):
        size = " x ".join(f"{mm:.4g}" for mm in volume.grid.spacing_mm)
        check.add(
            "implausible_spacing",
            "refused",
            message=f"voxels of {size} mm are not those of a CT",
            remedy="export the volume with its spacing in mm",
        )
        return
    canonical = volume.grid.canonical
    count, mm = canonical.shape[2], canonical.spacing_mm[2]
    if whole_chest and (count < FEWEST_SLICES or count * mm < LEAST_COVERAGE_MM):
        check.add(
            "too_few_slices",
            "refused",
            message=f"{count} slice(s) over {count * mm:.0f} mm from head to foot are no whole "
            "chest",
            remedy=f"give the whole series, at least {FEWEST_SLICES} slices over "
            f"{LEAST_COVERAGE_MM:.0f} mm",
        )


def write_volume(path: Path, volume: np.ndarray, *, grid: Grid) -> None:
    """Write a NIfTI volume.

    Args:
        path: File ending in .nii or .nii.gz.
        volume: `(W, H, D)` array; bool is written as uint8.
        grid: Voxel centres; written as both sform and qform, in scanner coordinates.
    """
    if volume.dtype == bool:
        volume = volume.astype(np.uint8)
    image = nib.Nifti1Image(volume, grid.affine)
    image.set_sform(grid.affine, code=1)
    image.set_qform(grid.affine, code=1)
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    if path.suffix == ".gz":
        content = isal_zlib.compress(content, LEVEL, GZIP)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
