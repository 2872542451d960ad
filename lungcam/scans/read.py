"""Read a scan, right or not at all.

Write a volume that stands where the scan stands.
"""

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.runtime.atomic import atomic_write
from lungcam.scans.dicom_series import Volume, read_series
from lungcam.scans.discover import list_files, scan_name, survey
from lungcam.scans.hounsfield import check_values, fill_padding
from lungcam.scans.scan import Scan
from lungcam.scans.silence import silence
from lungcam.scans.volume_file import read_volume_file

# a whole chest reaches over 200 mm from head to foot; less is a part of one
FEWEST_SLICES = 10
LEAST_COVERAGE_MM = 100.0
# voxels of a clinical CT; metres, centimetres and micrometres fall outside
VOXEL_MM = (0.1, 10.0)
LONGEST_VOXEL_MM = 30.0


def read_scan(path: str | Path, series: str | None = None, *, whole_chest: bool = True) -> Scan:
    """Read one CT scan in HU.

    Args:
        path: A DICOM folder (the series may lie deeper), or a .mhd, .mha, .nii, .nii.gz or .nrrd
            file in HU.
        series: SeriesInstanceUID, looked for in all folders below; by default the stack with the
            most slices of the one folder that holds CT images.
        whole_chest: Whether to refuse what does not show a whole chest; False for crops.

    Returns:
        The scan in its own axis order, with a RAS affine.

    Raises:
        InputError: The scan cannot be read right; the message names the path, all that is wrong
            and the remedies, in one line.
    """
    verdict, scan = check_scan(path, series, whole_chest=whole_chest)
    verdict.demand_usable()
    assert scan is not None
    return scan


def check_scan(
    path: str | Path, series: str | None = None, *, whole_chest: bool = True
) -> tuple[ScanCheck, Scan | None]:
    """Read one CT scan and tell all that is wrong with it; see `read_scan`.

    Returns:
        The verdict, and the scan if it is usable. Faulty input raises nothing.
    """
    path = Path(path)
    verdict = ScanCheck(str(path))
    with silence():
        found = _read(verdict, path, series=series)
    if found is None:
        return verdict, None
    source, volume = found
    _note_extent(verdict, volume, whole_chest=whole_chest)
    check_values(verdict, volume.hu, whole_chest=whole_chest)
    if not verdict.usable:
        return verdict, None
    fill_padding(verdict, volume.hu)
    name = scan_name(path if path.is_file() else path.resolve())
    return verdict, Scan(
        name=name,
        source=source,
        hu=volume.hu,
        grid=volume.grid,
        series_uid=volume.uid,
        study_uid=volume.study_uid,
        verdict=verdict,
        slices=volume.slices,
    )


def _read(verdict: ScanCheck, path: Path, *, series: str | None) -> tuple[Path, Volume] | None:
    """Find the one source below a path and read it; None if it cannot be."""
    found = survey(verdict, path, series=series)
    if found is None:
        return None
    if found.is_file():
        volume = read_volume_file(verdict, found)
        return None if volume is None else (found, volume)
    volume = read_series(
        verdict, list_files(verdict, found, deep=series is not None), wanted=series
    )
    return None if volume is None else (volume.folder or found, volume)


def _note_extent(verdict: ScanCheck, volume: Volume, *, whole_chest: bool) -> None:
    """Refuse voxels no CT has, and for a whole chest too few slices from head to foot."""
    spacing = sorted(volume.grid.spacing_mm)
    if not (VOXEL_MM[0] <= spacing[0] and spacing[1] <= VOXEL_MM[1]) or (
        spacing[2] > LONGEST_VOXEL_MM
    ):
        shown = " x ".join(f"{mm:.4g}" for mm in volume.grid.spacing_mm)
        verdict.add(
            "implausible_spacing",
            "refused",
            f"voxels of {shown} mm are not a CT's",
            "export the volume with its spacing in mm",
        )
        return
    canonical = volume.grid.canonical
    count, mm = canonical.shape[2], canonical.spacing_mm[2]
    if whole_chest and (count < FEWEST_SLICES or count * mm < LEAST_COVERAGE_MM):
        verdict.add(
            "too_few_slices",
            "refused",
            f"{count} slice(s) over {count * mm:.0f} mm from head to foot are no whole chest",
            f"give at least {FEWEST_SLICES} slices over {LEAST_COVERAGE_MM:.0f} mm, the whole "
            "series",
        )


def write_volume(path: Path, volume: np.ndarray, *, grid: Grid) -> None:
    """Write a NIfTI volume on a grid.

    Args:
        path: Ends in .nii or .nii.gz.
        volume: `(W, H, D)`; bool is written as uint8.
        grid: Its voxel centres; written as both sform and qform, in scanner coordinates.
    """
    if volume.dtype == bool:
        volume = volume.astype(np.uint8)
    image = nib.Nifti1Image(volume, grid.affine)
    image.set_sform(grid.affine, code=1)
    image.set_qform(grid.affine, code=1)
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    if path.suffix == ".gz":
        # noise holds no repeats to search for: runs and Huffman codes alone are a third faster
        deflate = zlib.compressobj(1, zlib.DEFLATED, 31, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
        content = deflate.compress(content) + deflate.flush()
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
