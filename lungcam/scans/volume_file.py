"""A volume file in HU: .mha, .mhd, .nrrd, .nii and .nii.gz."""

from pathlib import Path

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.dicom_series import Volume
from lungcam.scans.hounsfield import note_overflow, rounded
from lungcam.scans.itk_formats import AGAIN, ONE_3D, SINGULAR, read_metaimage, read_nrrd
from lungcam.scans.nifti import read_nifti

LARGEST_COSINE = 1e-3  # 0.3 mm over 300 mm


def read_volume_file(verdict: ScanCheck, file: Path) -> Volume | None:
    """Read a volume file: values rounded to int16, placed by its whole direction matrix.

    Args:
        verdict: Takes all findings.
        file: Of a suffix in `discover.VOLUME_SUFFIXES`.

    Returns:
        The volume, None if it cannot be made; even if it is given, the verdict may refuse it.
    """
    name = file.name.lower()
    try:
        if file.stat().st_size == 0:
            verdict.add("empty_file", "refused", "the file is empty", AGAIN)
            return None
        if name.endswith((".nii", ".nii.gz")):
            read, to_ras = read_nifti(verdict, file), np.eye(4)
        elif name.endswith(".nrrd"):
            read, to_ras = read_nrrd(verdict, file), LPS_TO_RAS
        else:
            read, to_ras = read_metaimage(verdict, file), LPS_TO_RAS
    except EOFError:
        verdict.add("truncated_file", "refused", "the file ends before its voxels do", AGAIN)
        return None
    except OSError as error:
        _note_os_error(verdict, error)
        return None
    # SimpleITK, nibabel and the decompression raise nearly anything for damaged bytes
    except Exception:
        verdict.add("damaged_file", "refused", "cannot be read as a volume", AGAIN)
        return None
    if read is None:
        return None
    values, affine = read[0], to_ras @ read[1]
    hu = _one_volume(verdict, values)
    if hu is None or not _is_upright(verdict, affine):
        return None
    return Volume(hu=hu, grid=Grid(hu.shape, affine))


def _note_os_error(verdict: ScanCheck, error: OSError) -> None:
    """Tell a file that may not be read from one that ends early; nibabel raises both so."""
    if error.errno is None:
        # gzip's bad checksum, nibabel's short file
        code = "damaged_file" if "CRC" in str(error) or "gzip" in str(error) else "truncated_file"
        verdict.add(code, "refused", "the file is cut short or damaged", AGAIN)
    else:
        verdict.add(
            "unreadable", "refused", "the file cannot be opened or read", "check its rights"
        )


def _one_volume(verdict: ScanCheck, values: np.ndarray) -> np.ndarray | None:
    """`(W, H, D)` int16, writable; None where the values are no volume of real numbers."""
    if values.ndim > 3 and values.size == np.prod(values.shape[:3]):
        values = values.reshape(values.shape[:3], order="F")
    if values.dtype.kind not in "iuf":
        verdict.add("colour", "refused", "the values are colours or complex, no HU", ONE_3D)
    elif values.ndim > 3:
        verdict.add("not_3d", "refused", f"{values.ndim} dimensions, not one 3D volume", ONE_3D)
    elif values.ndim < 3 or min(values.shape) < 2:
        verdict.add("image_2d", "refused", "a single slice is no 3D volume", ONE_3D)
    elif values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        verdict.add("not_finite", "refused", f"{bad} NaN or infinite values", "export it again")
    else:
        hu, too_high = rounded(values)
        if too_high:
            note_overflow(verdict, "the volume")
        return hu if hu.flags.writeable else hu.copy()
    return None


def _is_upright(verdict: ScanCheck, affine: np.ndarray) -> bool:
    """Whether the axes are at right angles; refused if not."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and lengths.all()):
        verdict.add("singular_orientation", "refused", SINGULAR, AGAIN)
        return False
    axes = affine[:3, :3] / lengths
    upright = bool(np.abs(axes.T @ axes - np.eye(3)).max() < LARGEST_COSINE)
    if not upright:
        verdict.add(
            "gantry_tilt",
            "refused",
            "the axes are not at right angles (gantry tilt)",
            "resample the volume upright first",
        )
    return upright
