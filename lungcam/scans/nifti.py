"""NIfTI files: values and affine."""

from pathlib import Path

import nibabel as nib
import numpy as np
from isal.igzip import IGzipFile

from lungcam.findings import ScanCheck
from lungcam.scans.itk_formats import EXPORT_AGAIN, NO_ORIENTATION, NO_SPACING, SINGULAR

MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
# size of the header: image class, offset of the magic string
CLASSES = {348: (nib.Nifti1Image, 344), 540: (nib.Nifti2Image, 4)}
CONFLICT_MM = 1.0


def read_nifti(check: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .nii or .nii.gz file.

    The sform gives the affine, or else the qform, as in nibabel and TorchIO.

    Args:
        check: Receives the findings.
        file: NIfTI file, compressed or not whatever its suffix.

    Returns:
        Values of any shape and type, and the `(4, 4)` affine to RAS mm; None if refused.

    Raises:
        OSError: The file cannot be opened or read.
        Exception: The file is truncated (EOFError, OSError) or damaged.
    """
    with file.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = IGzipFile(fileobj=raw) if compressed else raw
        start = stream.read(540)
        stream.seek(0)
        image_class = _image_class(start)
        if image_class is None:
            message = "no complete NIfTI header"
            check.add("damaged_file", "refused", message=message, remedy=EXPORT_AGAIN)
            return None
        image = image_class.from_stream(stream)
        # the stored spacing, which nibabel corrects if it seems wrong
        size = image_class.header_class.sizeof_hdr
        spacing = image_class.header_class(start[:size], check=False)["pixdim"][1:4]
        affine = _affine(check, image, spacing=spacing)
        values = np.asanyarray(image.dataobj)
        # to the end, where the checksum is
        while compressed and stream.read(1 << 20):
            pass
    return None if affine is None else (values, affine)


def _image_class(start: bytes) -> type[nib.Nifti1Image] | None:
    """Return the class for NIfTI 1 or 2 by size and magic string of the header, or None."""
    for order in ("little", "big"):
        image_class, offset = CLASSES.get(int.from_bytes(start[:4], order), (None, 0))
        if image_class is not None and start[offset : offset + 2] == b"n+":
            return image_class
    return None


def _affine(check: ScanCheck, image: nib.Nifti1Image, *, spacing: np.ndarray) -> np.ndarray | None:
    """Return the affine in mm, None if it is refused."""
    header = image.header
    sform, sform_code = header.get_sform(coded=True)
    qform, qform_code = header.get_qform(coded=True)
    if not (sform_code or qform_code):
        check.add("no_orientation", "refused", message=NO_ORIENTATION, remedy=EXPORT_AGAIN)
        return None
    if not sform_code and not (np.isfinite(spacing).all() and (spacing > 0).all()):
        check.add("bad_pixel_spacing", "refused", message=NO_SPACING, remedy=EXPORT_AGAIN)
        return None
    affine = np.array(sform if sform_code else qform, float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        check.add("singular_orientation", "refused", message=SINGULAR, remedy=EXPORT_AGAIN)
        return None
    unit = header.get_xyzt_units()[0]
    affine[:3] *= MM.get(unit, 1.0)
    if sform_code and qform_code and len(image.shape) > 2:
        corners = np.array([[0, 0, 0, 1], [*(n - 1 for n in image.shape[:3]), 1]])
        distance = np.abs(corners @ (sform - qform).T).max() * MM.get(unit, 1.0)
        if distance > CONFLICT_MM:
            check.add(
                "orientation_conflict",
                "flagged",
                message=f"sform and qform differ by {distance:.1f} mm; the sform was used",
                remedy="check left and right",
            )
    return affine
