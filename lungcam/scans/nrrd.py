"""A .nrrd file, through SimpleITK."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from lungcam.scans.text_header import (
    AGAIN,
    DAMAGED_HEADER,
    NO_ORIENTATION,
    NO_VOXELS,
    ONE_3D,
    SINGULAR,
    is_singular,
    numbers,
    read_fields,
)
from lungcam.verdict import Verdict

SPACES = (
    "left-posterior-superior", "lps", "right-anterior-superior", "ras", "left-anterior-superior",
    "las",
)  # fmt: skip


def read_nrrd(verdict: Verdict, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .nrrd file, header and voxels in one or apart.

    Args:
        verdict: Takes the findings.
        file: The header, or header and voxels.

    Returns:
        Values of any real type, and the `(4, 4)` affine to LPS mm; None if refused.

    Raises:
        OSError: The file cannot be opened or read.
        RuntimeError: SimpleITK cannot read it.
    """
    _note_header(verdict, file)
    if not verdict.usable:
        return None
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO")
    reader.SetFileName(str(file))
    reader.ReadImageInformation()
    dimension = reader.GetDimension()
    if reader.GetNumberOfComponents() != 1:
        verdict.add("colour", "refused", "more than one value a voxel", ONE_3D)
        return None
    values = sitk.GetArrayFromImage(reader.Execute()).T
    lps = np.eye(4)
    if dimension == 3:
        lps[:3, :3] = np.reshape(reader.GetDirection(), (3, 3)) * reader.GetSpacing()
        lps[:3, 3] = reader.GetOrigin()
    return values, lps


def _note_header(verdict: Verdict, file: Path) -> None:
    """Refuse what ITK would read as if it had an orientation, or voxels."""
    fields, _ = read_fields(file, ":")
    size = numbers(fields.get("sizes", ""))
    if not size:
        verdict.add("damaged_file", "refused", *DAMAGED_HEADER)
        return
    if len(size) >= 3:
        directions = fields.get("space directions", "").replace("none", "")
        matrix = numbers(directions)
        if fields.get("space", "").lower() not in SPACES or not matrix or len(matrix) != 9:
            verdict.add("no_orientation", "refused", NO_ORIENTATION, AGAIN)
        elif is_singular(np.reshape(matrix, (3, 3))):
            verdict.add("singular_orientation", "refused", SINGULAR, AGAIN)
    target = fields.get("data file", fields.get("datafile", ""))
    apart = target and "%" not in target and not target.startswith("LIST")
    if apart and not (file.parent / target).is_file():
        verdict.add("no_pixel_data", "refused", *NO_VOXELS)
