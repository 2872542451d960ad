"""A .mhd file's header, read without its voxels."""

from pathlib import Path

import numpy as np

from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.scans.metaimage import MATRIX, OFFSET, SPACING, TYPES
from lungcam.scans.series import LPS_TO_RAS
from lungcam.scans.text_header import AGAIN, is_singular, numbers, read_fields


def read_grid(file: str | Path) -> Grid:
    """Read where the voxels of a MetaImage stand, from its header alone.

    TransformMatrix gives one axis' direction after the other, as ITK reads it, and Offset the first
    voxel's centre, both in LPS.

    Args:
        file: A .mhd or .mha file of three dimensions.

    Returns:
        Its grid in RAS mm, the axes in the order of the file.

    Raises:
        InputError: The header cannot be read, or does not place the voxels.
    """
    return _grid(Path(file), _fields(Path(file)))


def read_whole_grid(file: Path) -> Grid:
    """Read a header's grid, and see that its voxels are there; see `read_grid`.

    Raises:
        InputError: As `read_grid`, or the file of the voxels is missing or too short.
    """
    fields = _fields(file)
    grid = _grid(file, fields)
    target = fields.get("elementdatafile", "")
    voxels = file if target.upper() == "LOCAL" else file.parent / target
    try:
        present = voxels.stat().st_size if target else 0
    except OSError as error:
        raise InputError(
            f"{file}: the file of the voxels, {target}, is missing beside it; copy it too."
        ) from error
    bytes_each = np.dtype(TYPES.get(fields.get("elementtype", ""), "u1")).itemsize
    packed = fields.get("compresseddata", "").lower() == "true"
    if present < (1 if packed else bytes_each * np.prod(grid.shape, dtype=float)):
        raise InputError(f"{file}: the file of the voxels, {target}, is cut short; {AGAIN}.")
    return grid


def _fields(file: Path) -> dict[str, str]:
    try:
        return read_fields(file, "=")[0]
    except OSError as error:
        raise InputError(f"{file}: cannot be opened or read; check its path and rights.") from error


def _grid(file: Path, fields: dict[str, str]) -> Grid:
    size, matrix, offset, spacing = (
        next((numbers(fields[name]) for name in names if name in fields), None) or []
        for names in (("dimsize",), MATRIX, OFFSET, SPACING)
    )
    if (
        [len(one) for one in (size, matrix, offset, spacing)] != [3, 9, 3, 3]
        or min(size) < 1
        or min(spacing) <= 0
        or is_singular(np.reshape(matrix, (3, 3)))
    ):
        raise InputError(
            f"{file}: the header does not place a 3D volume (DimSize, TransformMatrix, Offset, "
            f"ElementSpacing); {AGAIN}."
        )
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(matrix, (3, 3)).T * spacing
    affine[:3, 3] = offset
    return Grid(tuple(int(n) for n in size), LPS_TO_RAS @ affine)
