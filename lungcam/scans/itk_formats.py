"""A MetaImage file, .mhd with .raw or .zraw, or .mha.

It is not left to ITK, which reads a file without an orientation as if it had one, and speaks on the
terminal of whatever is missing.
"""

import zlib
from pathlib import Path

import numpy as np

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

TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
# names under which MetaIO knows the same field
MATRIX = ("transformmatrix", "rotation", "orientation")
OFFSET = ("offset", "position", "origin")
SPACING = ("elementspacing", "elementsize")
MSB = ("binarydatabyteordermsb", "elementbyteordermsb")
MOST_BEYOND = 512  # bytes that may follow the voxels
ZLIB_OR_GZIP = 47


def read_metaimage(verdict: Verdict, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .mhd or .mha file.

    Args:
        verdict: Takes the findings.
        file: The header, or header and voxels.

    Returns:
        Values of any shape and type, and the `(4, 4)` affine to LPS mm; None if refused.

    Raises:
        OSError: The file, or the file of its voxels, cannot be opened or read.
        ValueError: A field that should hold a number does not.
    """
    fields, end = read_fields(file, "=")
    size = numbers(fields.get("dimsize", ""))
    dtype = TYPES.get(fields.get("elementtype", ""))
    channels = int(fields.get("elementnumberofchannels", 1))
    if not size or min(size) < 1 or (dtype is None and channels == 1):
        verdict.add("damaged_file", "refused", *DAMAGED_HEADER)
        return None
    if channels != 1 or dtype is None:
        verdict.add("colour", "refused", "more than one value a voxel", ONE_3D)
        return None
    affine = affine_of(verdict, fields, len(size)) if len(size) == 3 else np.eye(4)
    big = _field(fields, MSB) or "False"
    values = _voxels(
        verdict,
        file,
        fields,
        end,
        np.dtype(dtype).newbyteorder(">" if big.lower() == "true" else "<"),
        [int(n) for n in size],
    )
    return None if affine is None or values is None else (values, affine)


def _field(fields: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if name in fields), None)


def affine_of(verdict: Verdict, fields: dict[str, str], dimensions: int) -> np.ndarray | None:
    """Place the voxels by a header's fields.

    Args:
        verdict: Takes the findings.
        fields: From `read_fields`.
        dimensions: Of the volume.

    Returns:
        `(4, 4)` affine from voxel index to LPS mm, None if it is refused.
    """
    matrix = numbers(_field(fields, MATRIX) or "")
    offset = numbers(_field(fields, OFFSET) or "")
    spacing = numbers(_field(fields, SPACING) or "")
    right = True
    if not matrix or len(matrix) != dimensions**2 or not offset or len(offset) != dimensions:
        verdict.add("no_orientation", "refused", NO_ORIENTATION, AGAIN)
        right = False
    elif is_singular(np.reshape(matrix, (dimensions, dimensions))):
        verdict.add("singular_orientation", "refused", SINGULAR, AGAIN)
        right = False
    if not spacing or len(spacing) != dimensions or min(spacing) <= 0:
        verdict.add("bad_pixel_spacing", "refused", "the file tells no voxel spacing", AGAIN)
        right = False
    if not right:
        return None
    affine = np.eye(4)
    # the file gives one axis' direction after the other
    affine[:3, :3] = np.reshape(matrix, (3, 3)).T * spacing
    affine[:3, 3] = offset
    return affine


def _voxels(
    verdict: Verdict,
    file: Path,
    fields: dict[str, str],
    end: int,
    dtype: np.dtype,
    size: list[int],
) -> np.ndarray | None:
    """Values in the header's shape, None where they are missing or not as many as it says."""
    target = fields.get("elementdatafile", "")
    if target.startswith("LIST") or "%" in target or fields.get("binarydata", "True") != "True":
        verdict.add(
            "split_volume",
            "refused",
            "the voxels lie in one file a slice, or are written as text",
            "export the volume with its voxels in one binary file",
        )
        return None
    local = target.upper() == "LOCAL"
    source = file if local else file.parent / target
    if not source.is_file():
        verdict.add("no_pixel_data", "refused", *NO_VOXELS)
        return None
    needed = int(np.prod(size, dtype=float)) * dtype.itemsize
    start = end if local else int(fields.get("headersize", 0))
    if fields.get("compresseddata", "").lower() == "true":
        content = _inflated(verdict, source, max(0, start))
        present = needed if content is None else len(content)
    else:
        content = None
        if start < 0:
            start = max(0, source.stat().st_size - needed)
        present = source.stat().st_size - start
    if not needed <= present <= needed + MOST_BEYOND:
        code = "truncated_file" if present < needed else "pixel_mismatch"
        words = f"{present} bytes of voxels, {needed} by the header"
        verdict.add(code, "refused", words, AGAIN)
    if not verdict.usable:
        return None
    count = needed // dtype.itemsize
    if content is None:
        values = np.fromfile(source, dtype, count, offset=start)
    else:
        values = np.frombuffer(content, dtype, count)
    return values.astype(dtype.newbyteorder("="), copy=False).reshape(size, order="F")


def _inflated(verdict: Verdict, file: Path, start: int) -> bytes | None:
    """Decompressed voxels as far as they go, None where they are damaged."""
    with file.open("rb") as stream:
        stream.seek(start)
        packed = stream.read()
    try:
        return zlib.decompressobj(ZLIB_OR_GZIP).decompress(packed)
    except zlib.error:
        verdict.add("damaged_file", "refused", "the compressed voxels are damaged", AGAIN)
        return None
