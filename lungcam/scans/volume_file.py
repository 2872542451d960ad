"""Reading of a volume file in HU: MetaImage, NRRD, NIfTI, and nodule blocks of LUNA25."""

from pathlib import Path

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.hounsfield import check_overflow, fill_not_finite, round_to_int16
from lungcam.scans.itk_formats import (
    EXPORT_3D,
    EXPORT_AGAIN,
    SINGLE_SLICE,
    SINGULAR,
    read_metaimage,
)
from lungcam.scans.nifti import read_nifti
from lungcam.scans.nodule_block import SUFFIX, read_block
from lungcam.scans.nrrd import read_nrrd
from lungcam.scans.scan import Volume
from lungcam.scans.tilt import check_tilt, straighten


def read_volume_file(
    check: ScanCheck, file: Path, *, time: int | None = None, tilt: str = "straighten"
) -> Volume | None:
    """Read a volume file; values are rounded to int16 and placed by the whole direction matrix.

    Args:
        check: Receives all findings.
        file: File with a suffix in `discover.VOLUME_SUFFIXES`.
        time: Index from 0 of the volume to read, if the file holds several in a fourth dimension.
        tilt: `straighten` or `refuse` sheared axes.

    Returns:
        The volume, None if it cannot be built. The findings may refuse a returned volume, too.
    """
    result = read_values(check, file)
    if result is None:
        return None
    values, affine = result
    hu = _to_hu(check, values, time=time)
    if hu is None or not _spans_space(check, affine):
        return None
    if check_tilt(check, affine, depth=hu.shape[2], tilt=tilt):
        upright = straighten(hu, affine)
        return Volume(hu=upright.hu, grid=upright.grid)
    if not check.usable:
        return None
    return Volume(hu=hu, grid=Grid(hu.shape, affine))


def read_values(check: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the values of a volume file as they are stored, and their place.

    Args:
        check: Receives the findings.
        file: File with a suffix in `discover.VOLUME_SUFFIXES`.

    Returns:
        Values of any shape and type, the axes in space first, and the `(4, 4)` affine to RAS mm;
        None if they cannot be read.
    """
    name = file.name.lower()
    try:
        if file.stat().st_size == 0:
            message = "the file is empty"
            check.add("empty_file", "refused", message=message, remedy=EXPORT_AGAIN)
            return None
        if name.endswith((".nii", ".nii.gz", ".hdr", ".hdr.gz")):
            result, to_ras = read_nifti(check, file), np.eye(4)
        elif name.endswith((".nrrd", ".nhdr")):
            result, to_ras = read_nrrd(check, file), LPS_TO_RAS
        elif name.endswith(SUFFIX):
            result, to_ras = read_block(check, file), LPS_TO_RAS
        else:
            result, to_ras = read_metaimage(check, file), LPS_TO_RAS
    except EOFError:
        message = "the file ends before its voxels do"
        check.add("truncated_file", "refused", message=message, remedy=EXPORT_AGAIN)
        return None
    except OSError as error:
        _report_os_error(check, error)
        return None
    # SimpleITK, nibabel and zlib raise nearly any error for damaged bytes
    except Exception:
        message = "cannot be read as a volume"
        check.add("damaged_file", "refused", message=message, remedy=EXPORT_AGAIN)
        return None
    if result is None:
        return None
    return result[0], to_ras @ result[1]


def _report_os_error(check: ScanCheck, error: OSError) -> None:
    """Distinguish unreadable files from truncated ones; nibabel raises OSError for both."""
    if error.errno is None:
        # a wrong checksum from gzip, or a short file from nibabel
        code = "damaged_file" if "CRC" in str(error) or "gzip" in str(error) else "truncated_file"
        message, remedy = "the file is truncated or damaged", EXPORT_AGAIN
    else:
        code = "unreadable"
        message, remedy = "the file cannot be opened or read", "check its access rights"
    check.add(code, "refused", message=message, remedy=remedy)


def _to_hu(check: ScanCheck, values: np.ndarray, *, time: int | None) -> np.ndarray | None:
    """Return `(W, H, D)` int16, writable; None if the values are no 3D volume of real numbers."""
    if values.dtype.kind not in "iuf":
        message = "the values are colours or complex, not HU"
        check.add("colour", "refused", message=message, remedy=EXPORT_3D)
        return None
    values = _select_volume(check, values, time=time)
    if values is None:
        return None
    if values.ndim < 3 or min(values.shape) < 2:
        check.add("image_2d", "refused", message=SINGLE_SLICE, remedy=EXPORT_3D)
        return None
    finite = fill_not_finite(check, values)
    if finite is None:
        return None
    hu, overflow = round_to_int16(finite)
    check_overflow(check, overflow, size=hu.size, place="the volume")
    return hu if hu.flags.writeable else hu.copy()


def _select_volume(check: ScanCheck, values: np.ndarray, *, time: int | None) -> np.ndarray | None:
    """Return the only volume of a file, or the one of an index in the fourth dimension."""
    count = int(np.prod(values.shape[3:]))
    if count == 1 and time in (None, 0):
        return values.reshape(values.shape[:3], order="F")
    if time is not None and 0 <= time < count and values.shape[3] == count:
        volume = values.reshape((*values.shape[:3], count), order="F")[..., time]
        return np.array(volume, order="F")
    if time is not None:
        message, remedy = f"there is no volume time={time}", f"choose from 0 to {count - 1}"
        check.add("no_such_time", "refused", message=message, remedy=remedy)
        return None
    message = f"{values.ndim} dimensions with {count} volumes, not a single 3D volume"
    remedy = EXPORT_3D
    if values.shape[3] == count:
        remedy = f"choose one by time=0 to time={count - 1}, or {EXPORT_3D}"
    check.add("not_3d", "refused", message=message, remedy=remedy)
    return None


def _spans_space(check: ScanCheck, affine: np.ndarray) -> bool:
    """Return True if the axes are finite and have a length; refuse if not."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if np.isfinite(affine).all() and lengths.all():
        return True
    check.add("singular_orientation", "refused", message=SINGULAR, remedy=EXPORT_AGAIN)
    return False
