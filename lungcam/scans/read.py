"""Read a scan, right or not at all."""

from pathlib import Path

from lungcam.scans.discover import list_files, scan_name, survey
from lungcam.scans.hounsfield import fill_padding, judge
from lungcam.scans.quiet import quiet
from lungcam.scans.scan import Scan
from lungcam.scans.series import Volume, read_series
from lungcam.scans.volume_file import read_volume_file
from lungcam.verdict import Verdict

# a whole chest reaches over 200 mm from head to foot; less is a part of one
FEWEST_SLICES = 10
LEAST_COVERAGE_MM = 100.0
# voxels of a clinical CT; metres, centimetres and micrometres fall outside
VOXEL_MM = (0.1, 10.0)
LONGEST_VOXEL_MM = 30.0


def read_scan(path: str | Path, series: str | None = None, whole_chest: bool = True) -> Scan:
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
    verdict, scan = check_scan(path, series, whole_chest)
    verdict.demand_usable()
    assert scan is not None
    return scan


def check_scan(
    path: str | Path, series: str | None = None, whole_chest: bool = True
) -> tuple[Verdict, Scan | None]:
    """Read one CT scan and tell all that is wrong with it; see `read_scan`.

    Returns:
        The verdict, and the scan if it is usable. Faulty input raises nothing.
    """
    path = Path(path)
    verdict = Verdict(str(path))
    with quiet():
        found = _read(verdict, path, series)
    if found is None:
        return verdict, None
    source, volume = found
    _note_extent(verdict, volume, whole_chest)
    judge(verdict, volume.hu, whole_chest)
    if not verdict.usable:
        return verdict, None
    fill_padding(verdict, volume.hu)
    name = scan_name(path if path.is_file() else path.resolve())
    return verdict, Scan(
        name,
        source,
        volume.hu,
        volume.grid,
        volume.uid,
        volume.study_uid,
        verdict,
        volume.slices,
    )


def _read(verdict: Verdict, path: Path, series: str | None) -> tuple[Path, Volume] | None:
    """Find the one source below a path and read it; None if it cannot be."""
    found = survey(verdict, path, series)
    if found is None:
        return None
    if found.is_file():
        volume = read_volume_file(verdict, found)
        return None if volume is None else (found, volume)
    volume = read_series(verdict, list_files(verdict, found, deep=series is not None), series)
    return None if volume is None else (volume.folder or found, volume)


def _note_extent(verdict: Verdict, volume: Volume, whole_chest: bool) -> None:
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
