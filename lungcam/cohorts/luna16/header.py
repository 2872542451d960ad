"""A .mhd file's header, read without its voxels."""

from pathlib import Path

import numpy as np

from lungcam.errors import InputError
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.metaimage import TYPES, affine_of
from lungcam.scans.text_header import AGAIN, numbers, read_fields
from lungcam.verdict import Verdict


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
    size = numbers(fields.get("dimsize", "")) or []
    affine = affine_of(Verdict(str(file)), fields, 3)
    if len(size) != 3 or min(size) < 1 or affine is None:
        raise InputError(
            f"{file}: the header does not place a 3D volume (DimSize, TransformMatrix, Offset, "
            f"ElementSpacing); {AGAIN}."
        )
    return Grid(tuple(int(n) for n in size), LPS_TO_RAS @ affine)
