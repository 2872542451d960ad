"""Reading of a volume file in HU: .mha, .mhd, .nrrd, .nii and .nii.gz."""

from pathlib import Path

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.hounsfield import refuse_overflow, round_to_int16
from lungcam.scans.itk_formats import (
    EXPORT_3D,
    EXPORT_AGAIN,
    SINGULAR,
    read_metaimage,
    read_nrrd,
)
from lungcam.scans.nifti import read_nifti
from lungcam.scans.scan import Volume

LARGEST_COSINE = 1e-3  # 0.3 mm over 300 mm


def read_volume_file(check: ScanCheck, file: Path) -> Volume | None:
    """Read a volume file; values are rounded to int16 and placed by the whole direction matrix.

    Args:
        check: Receives all findings.
        file: File with a suffix in `discover.VOLUME_SUFFIXES`.

    Returns:
        The volume, None if it cannot be built. The findings may refuse a returned volume, too.
    """
    name = file.name.lower()
    try:
        if file.stat().st_size == 0:
            message = "the file is empty"
            check.add("empty_file", "refused", message=message, remedy=EXPORT_AGAIN)
            return None
        if name.endswith((".nii", ".nii.gz")):
            result, to_ras = read_nifti(check, file), np.eye(4)
        elif name.endswith(".nrrd"):
            result, to_ras = read_nrrd(check, file), LPS_TO_RAS
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
    values, affine = result[0], to_ras @ result[1]
    hu = _to_hu(check, values)
    if hu is None or not _is_upright(check, affine):
        return None
    return Volume(hu=hu, grid=Grid(hu.shape, affine))


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


def _to_hu(check: ScanCheck, values: np.ndarray) -> np.ndarray | None:
    """Return `(W, H, D)` int16, writable; None if the values are no 3D volume of real numbers."""
    if values.ndim > 3 and values.size == np.prod(values.shape[:3]):
        values = values.reshape(values.shape[:3], order="F")
    if values.dtype.kind not in "iuf":
        message = "the values are colours or complex, not HU"
        check.add("colour", "refused", message=message, remedy=EXPORT_3D)
    elif values.ndim > 3:
        message = f"{values.ndim} dimensions, not a single 3D volume"
        check.add("not_3d", "refused", message=message, remedy=EXPORT_3D)
    elif values.ndim < 3 or min(values.shape) < 2:
        message = "a single slice is no 3D volume"
        check.add("image_2d", "refused", message=message, remedy=EXPORT_3D)
    elif values.dtype.kind == "f" and not np.isfinite(values).all():
        message = f"{int(np.count_nonzero(~np.isfinite(values)))} NaN or infinite values"
        check.add("not_finite", "refused", message=message, remedy="export it again")
    else:
        hu, overflow = round_to_int16(values)
        if overflow:
            refuse_overflow(check, "the volume")
        return hu if hu.flags.writeable else hu.copy()
    return None


def _is_upright(check: ScanCheck, affine: np.ndarray) -> bool:
    """Return True if the axes are at right angles; refuse if not."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and lengths.all()):
        check.add("singular_orientation", "refused", message=SINGULAR, remedy=EXPORT_AGAIN)
        return False
    axes = affine[:3, :3] / lengths
    upright = bool(np.abs(axes.T @ axes - np.eye(3)).max() < LARGEST_COSINE)
    if not upright:
        check.add(
            "gantry_tilt",
            "refused",
            message="the axes are not at right angles (gantry tilt)",
            remedy="resample the volume upright first",
        )
    return upright
