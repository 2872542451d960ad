"""A NIfTI file: values and affine by its own header."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from lungcam.findings import ScanCheck
from lungcam.scans.itk_formats import AGAIN, NO_ORIENTATION, SINGULAR

MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
CLASSES = {348: (nib.Nifti1Image, 344), 540: (nib.Nifti2Image, 4)}
CONFLICT_MM = 1.0


def read_nifti(verdict: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .nii or .nii.gz file.

    The sform places it, or else the qform, as nibabel and TorchIO have it.

    Args:
        verdict: Takes the findings.
        file: The file, compressed or not whatever its suffix.

    Returns:
        Values of any shape and type, and the `(4, 4)` affine to RAS mm; None if refused.

    Raises:
        OSError: The file cannot be opened or read.
        Exception: The file is cut (EOFError, OSError) or damaged.
    """
    with file.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        stream = gzip.GzipFile(fileobj=plain) if packed else plain
        start = stream.read(540)
        stream.seek(0)
        kind = _class(start)
        if kind is None:
            verdict.add("damaged_file", "refused", "no whole NIfTI header", AGAIN)
            return None
        image = kind.from_stream(stream)
        # before nibabel mends what it thinks wrong
        size = kind.header_class.sizeof_hdr
        zooms = kind.header_class(start[:size], check=False)["pixdim"][1:4]
        affine = _affine(verdict, image, zooms=zooms)
        values = np.asanyarray(image.dataobj)
        # to the end, where the checksum stands
        while packed and stream.read(1 << 20):
            pass
    return None if affine is None else (values, affine)


def _class(start: bytes) -> type[nib.Nifti1Image] | None:
    """NIfTI 1 or 2 by size and mark of the header; None for neither."""
    for order in ("little", "big"):
        kind, at = CLASSES.get(int.from_bytes(start[:4], order), (None, 0))
        if kind is not None and start[at : at + 2] == b"n+":
            return kind
    return None


def _affine(verdict: ScanCheck, image: nib.Nifti1Image, *, zooms: np.ndarray) -> np.ndarray | None:
    """The affine in mm, None if it is refused."""
    header = image.header
    sform, sform_code = header.get_sform(coded=True)
    qform, qform_code = header.get_qform(coded=True)
    if not (sform_code or qform_code):
        verdict.add("no_orientation", "refused", NO_ORIENTATION, AGAIN)
        return None
    if not sform_code and not (np.isfinite(zooms).all() and (zooms > 0).all()):
        verdict.add("bad_pixel_spacing", "refused", "the file tells no voxel spacing", AGAIN)
        return None
    affine = np.array(sform if sform_code else qform, float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        verdict.add("singular_orientation", "refused", SINGULAR, AGAIN)
        return None
    unit = header.get_xyzt_units()[0]
    affine[:3] *= MM.get(unit, 1.0)
    if sform_code and qform_code and len(image.shape) > 2:
        ends = np.array([[0, 0, 0, 1], [*(n - 1 for n in image.shape[:3]), 1]])
        apart = np.abs(ends @ (sform - qform).T).max() * MM.get(unit, 1.0)
        if apart > CONFLICT_MM:
            verdict.add(
                "orientation_conflict",
                "flagged",
                f"sform and qform differ by {apart:.1f} mm; the sform was taken",
                "check left and right",
            )
    return affine
