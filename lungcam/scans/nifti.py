"""NIfTI files: values and affine."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np
from isal.igzip import IGzipFile

from lungcam.findings import ScanCheck
from lungcam.scans.bounds import DEFLATE, NONE, SLACK, fits
from lungcam.scans.itk_formats import (
    EXPORT_AGAIN,
    NO_ORIENTATION,
    NO_SPACING,
    NO_VOXELS,
    SINGULAR,
)

MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
# size of the header: image classes of one and of two files, offset of the magic string
CLASSES = {
    348: (nib.Nifti1Image, nib.Nifti1Pair, 344),
    540: (nib.Nifti2Image, nib.Nifti2Pair, 4),
}
PAIR, IMAGES = (".hdr", ".hdr.gz"), (".img", ".img.gz")
CONFLICT_MM = 1.0
# bytes before the voxels, with the header's extensions
LONGEST_OFFSET = 16 << 20


def read_nifti(check: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .nii or .nii.gz file, or a pair of .hdr and .img.

    The sform gives the affine, or else the qform, as in nibabel and TorchIO.

    Args:
        check: Receives the findings.
        file: NIfTI file, or the .hdr file of a pair; compressed or not whatever its suffix.

    Returns:
        Values of any shape and type, and the `(4, 4)` affine to RAS mm; None if refused.

    Raises:
        OSError: The file cannot be opened or read.
        Exception: The file is truncated (EOFError, OSError) or damaged.
    """
    pair = file.name.lower().endswith(PAIR)
    with _open(file) as stream:
        start = stream.read(540)
        image_class = _image_class(start, pair=pair)
        if image_class is None:
            _refuse_header(check, start, pair=pair)
            return None
        if not pair:
            return _read_image(check, stream, start=start, image_class=image_class)
    voxels = image_file(file)
    if voxels is None:
        check.findings.append(NO_VOXELS)
        return None
    with _open(voxels) as stream:
        return _read_image(check, stream, start=start, image_class=image_class)


def image_file(header: Path) -> Path | None:
    """Return the .img or .img.gz file of a .hdr file, None if there is none."""
    return _other_file(header, PAIR, others=IMAGES)


def header_file(image: Path) -> Path | None:
    """Return the .hdr or .hdr.gz file of an .img file, None if there is none."""
    return _other_file(image, IMAGES, others=PAIR)


def _other_file(file: Path, suffixes: Sequence[str], *, others: Sequence[str]) -> Path | None:
    """Return the file of the same name with another suffix, in any case."""
    stem = next(
        file.name[: -len(suffix)]
        for suffix in sorted(suffixes, key=len, reverse=True)
        if file.name.lower().endswith(suffix)
    )
    candidates = (file.with_name(stem + case(end)) for end in others for case in (str, str.upper))
    return next((path for path in candidates if path.is_file()), None)


def _open(file: Path) -> BinaryIO:
    """Open a file, and decompress it if it is compressed, whatever its suffix."""
    with file.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
    return IGzipFile(file) if compressed else file.open("rb")


def _refuse_header(check: ScanCheck, start: bytes, *, pair: bool) -> None:
    """Refuse a file without NIfTI's magic string; Analyze 7.5 is such a format."""
    size = int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")
    if pair and 348 in size and len(start) >= 348:
        check.add(
            "no_orientation",
            "refused",
            message="an Analyze file does not distinguish left and right",
            remedy="export the volume as NIfTI",
        )
        return
    message = "no complete NIfTI header"
    check.add("damaged_file", "refused", message=message, remedy=EXPORT_AGAIN)


def _read_image(
    check: ScanCheck, stream: BinaryIO, *, start: bytes, image_class: type[nib.Nifti1Pair]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the values from a stream at any position."""
    stream.seek(0)
    size = image_class.header_class.sizeof_hdr
    # without the extensions that may follow, such as names of labels
    header = image_class.header_class(start[:size])
    # the stored spacing, which nibabel corrects if it seems wrong
    spacing = image_class.header_class(start[:size], check=False)["pixdim"][1:4]
    shape = header.get_data_shape()
    slope, inter = (float(header[name]) for name in ("scl_slope", "scl_inter"))
    if not np.isfinite([slope, inter]).all() and not np.isnan(slope):
        message = "the header's scale of values (scl_slope, scl_inter) is not a number"
        check.add("no_rescale", "refused", message=message, remedy=EXPORT_AGAIN)
        return None
    if not _is_bounded(check, stream, header=header, shape=shape):
        return None
    affine = _affine(check, header, shape=shape, spacing=spacing)
    values = np.asanyarray(nib.arrayproxy.ArrayProxy(stream, header))
    # to the end, where the checksum is
    rest = 0
    while isinstance(stream, IGzipFile) and (block := stream.read(1 << 20)):
        rest += len(block)
        if rest > SLACK:
            message = "the file goes on long after its voxels"
            check.add("pixel_mismatch", "refused", message=message, remedy=EXPORT_AGAIN)
            return None
    return None if affine is None else (values, affine)


def _is_bounded(
    check: ScanCheck, stream: BinaryIO, *, header: nib.Nifti1Header, shape: Sequence[int]
) -> bool:
    """Return True if the file can hold the voxels that the header declares."""
    packed = isinstance(stream, IGzipFile)
    file = Path(stream.name)
    stored, values = file.stat().st_size, math.prod(shape)
    offset = float(header.get_data_offset())
    if not shape or min(shape) < 1 or not 0 <= offset <= LONGEST_OFFSET:
        message = "no complete NIfTI header"
        check.add("damaged_file", "refused", message=message, remedy=EXPORT_AGAIN)
        return False
    return fits(
        check,
        values=values,
        item_bytes=header.get_data_dtype().itemsize,
        stored=stored - (0 if packed else int(offset)),
        packing=DEFLATE if packed else NONE,
    )


def _image_class(start: bytes, *, pair: bool) -> type[nib.Nifti1Pair] | None:
    """Return the class for NIfTI 1 or 2 by size and magic string of the header, or None."""
    for order in ("little", "big"):
        single, double, offset = CLASSES.get(int.from_bytes(start[:4], order), (None, None, 0))
        if single is not None and start[offset : offset + 2] == (b"ni" if pair else b"n+"):
            return double if pair else single
    return None


def _affine(
    check: ScanCheck, header: nib.Nifti1Header, *, shape: tuple[int, ...], spacing: np.ndarray
) -> np.ndarray | None:
    """Return the affine in mm, None if it is refused."""
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
    if len(shape) < 3:
        return affine
    if sform_code:
        _compare_spacing(check, sform, shape=shape, spacing=spacing, mm=MM.get(unit, 1.0))
    if sform_code and qform_code:
        corners = np.array([*itertools.product(*([0, n - 1] for n in shape[:3]), [1])])
        distance = np.linalg.norm(corners @ (sform - qform).T, axis=1).max() * MM.get(unit, 1.0)
        if distance > CONFLICT_MM:
            check.add(
                "orientation_conflict",
                "flagged",
                message=f"sform and qform differ by {distance:.1f} mm; the sform was used",
                remedy="check left and right",
            )
    return affine


def _compare_spacing(
    check: ScanCheck, sform: np.ndarray, *, shape: tuple[int, ...], spacing: np.ndarray, mm: float
) -> None:
    """Flag a spacing that would move the last voxel by over 1 mm from where the sform puts it."""
    lengths = np.linalg.norm(sform[:3, :3], axis=0)
    moved = np.abs((lengths - spacing) * (np.array(shape[:3]) - 1)).max() * mm
    # a spacing that is missing says nothing
    if (spacing > 0).all() and moved > CONFLICT_MM:
        stored, used = (" x ".join(f"{n:.4g}" for n in sizes) for sizes in (spacing, lengths))
        check.add(
            "spacing_conflict",
            "flagged",
            message=f"pixdim says voxels of {stored}, the sform {used}; the sform was used",
            remedy="check the size of the lungs",
        )
