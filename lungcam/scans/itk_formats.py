"""A MetaImage file, .mhd with .raw or .zraw, or .mha.

It is not left to ITK, which reads a file without an orientation as if it had one, and speaks on the
terminal of whatever is missing.

The readable headers of MetaImage and NRRD files.

A .nrrd file, through SimpleITK.
"""

import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from lungcam.findings import ScanCheck

AGAIN = "copy or export the volume again"
DAMAGED_HEADER = ("no whole header of a volume", AGAIN)
NO_ORIENTATION = "the file tells no orientation, so left and right are not known"
ONE_3D = "export the CT as a single 3D volume"
NO_VOXELS = ("the file of the voxels is missing beside the header", "copy it too")
SINGULAR = "the file's orientation is singular"
LONGEST_HEADER = 1 << 20


def read_fields(file: Path, mark: str) -> tuple[dict[str, str], int]:
    """Read a header's fields.

    Args:
        file: The file.
        mark: What stands between a field's name and its value.

    Returns:
        Values by lower-case name, and the offset of what follows: an empty line ends a header, and
        so does ElementDataFile.

    Raises:
        OSError: The file cannot be opened or read.
    """
    fields: dict[str, str] = {}
    with file.open("rb") as stream:
        while stream.tell() < LONGEST_HEADER:
            line = stream.readline(1 << 16)
            if not line.strip():
                break
            name, found, value = line.decode("latin-1").partition(mark)
            name = name.strip().lower()
            if found:
                # NRRD marks what is the user's own by :=
                fields[name] = value.lstrip("=").strip()
            if name == "elementdatafile":
                break
        return fields, stream.tell()


def numbers(text: str) -> list[float] | None:
    """Finite numbers between spaces, commas and brackets; None where there is anything else."""
    try:
        found = [float(one) for one in text.translate(str.maketrans("(),", "   ")).split()]
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def is_singular(matrix: np.ndarray) -> bool:
    """Whether the rows of a square matrix do not span the space."""
    lengths = np.linalg.norm(matrix, axis=1)
    return not lengths.all() or abs(np.linalg.det(matrix / lengths[:, None])) < 1e-3


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


def read_metaimage(verdict: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
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
    affine = affine_of(verdict, fields, dimensions=len(size)) if len(size) == 3 else np.eye(4)
    big = _field(fields, MSB) or "False"
    values = _voxels(
        verdict,
        file,
        fields=fields,
        end=end,
        dtype=np.dtype(dtype).newbyteorder(">" if big.lower() == "true" else "<"),
        size=[int(n) for n in size],
    )
    return None if affine is None or values is None else (values, affine)


def _field(fields: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if name in fields), None)


def affine_of(verdict: ScanCheck, fields: dict[str, str], *, dimensions: int) -> np.ndarray | None:
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
    verdict: ScanCheck,
    file: Path,
    *,
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
        content = _inflated(verdict, source, start=max(0, start))
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


def _inflated(verdict: ScanCheck, file: Path, *, start: int) -> bytes | None:
    """Decompressed voxels as far as they go, None where they are damaged."""
    with file.open("rb") as stream:
        stream.seek(start)
        packed = stream.read()
    try:
        return zlib.decompressobj(ZLIB_OR_GZIP).decompress(packed)
    except zlib.error:
        verdict.add("damaged_file", "refused", "the compressed voxels are damaged", AGAIN)
        return None


SPACES = (
    "left-posterior-superior", "lps", "right-anterior-superior", "ras", "left-anterior-superior",
    "las",
)  # fmt: skip


def read_nrrd(verdict: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
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


def _note_header(verdict: ScanCheck, file: Path) -> None:
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
