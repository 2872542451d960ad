"""MetaImage and NRRD files: values and affine.

MetaImage is not read by ITK, which invents an orientation where a file has none and prints messages
about missing fields. NRRD is read by ITK after a check of its header.
"""

import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from lungcam.findings import Finding, ScanCheck

EXPORT_AGAIN = "copy or export the volume again"
EXPORT_3D = "export the CT as a single 3D volume"
SEVERAL_VALUES = "more than one value per voxel"
NO_ORIENTATION = "the file has no orientation, so left and right are unknown"
NO_SPACING = "the file has no valid voxel spacing"
SINGULAR = "the file's orientation is singular"
DAMAGED_HEADER = Finding(
    code="damaged_file",
    outcome="refused",
    message="no complete header of a volume",
    remedy=EXPORT_AGAIN,
)
NO_VOXELS = Finding(
    code="no_pixel_data",
    outcome="refused",
    message="the data file next to the header is missing",
    remedy="copy it too",
)
LONGEST_HEADER = 1 << 20
METAIMAGE_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
# names by which MetaIO knows the same field
MATRIX = ("transformmatrix", "rotation", "orientation")
OFFSET = ("offset", "position", "origin")
SPACING = ("elementspacing", "elementsize")
BIG_ENDIAN = ("binarydatabyteordermsb", "elementbyteordermsb")
LONGEST_TRAILER = 512  # bytes that may follow the voxels
ZLIB_OR_GZIP = 47  # window bits of zlib
# values of the NRRD field "space" in mm
NRRD_SPACES = (
    "left-posterior-superior", "lps", "right-anterior-superior", "ras", "left-anterior-superior",
    "las",
)  # fmt: skip


def read_metaimage(check: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .mhd or .mha file.

    Args:
        check: Receives the findings.
        file: File with the header, or with header and voxels.

    Returns:
        Values of any shape and type, and the `(4, 4)` affine to LPS mm; None if refused.

    Raises:
        OSError: The file, or its data file, cannot be opened or read.
        ValueError: A numeric field does not hold a number.
    """
    fields, header_end = read_fields(file, "=")
    size = parse_numbers(fields.get("dimsize", ""))
    element_type = METAIMAGE_TYPES.get(fields.get("elementtype", ""))
    channels = int(fields.get("elementnumberofchannels", 1))
    if not size or min(size) < 1 or (element_type is None and channels == 1):
        check.findings.append(DAMAGED_HEADER)
        return None
    if channels != 1 or element_type is None:
        check.add("colour", "refused", message=SEVERAL_VALUES, remedy=EXPORT_3D)
        return None
    affine = metaimage_affine(check, fields) if len(size) == 3 else np.eye(4)
    big_endian = (_first_field(fields, BIG_ENDIAN) or "False").lower() == "true"
    values = _read_voxels(
        check,
        file,
        fields=fields,
        header_end=header_end,
        dtype=np.dtype(element_type).newbyteorder(">" if big_endian else "<"),
        size=[int(n) for n in size],
    )
    return None if affine is None or values is None else (values, affine)


def read_nrrd(check: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .nrrd file, with its voxels inside or in a data file.

    Args:
        check: Receives the findings.
        file: File with the header, or with header and voxels.

    Returns:
        Values of any real type, and the `(4, 4)` affine to LPS mm; None if refused.

    Raises:
        OSError: The file cannot be opened or read.
        RuntimeError: SimpleITK cannot read the file.
    """
    _check_nrrd_header(check, file)
    if not check.usable:
        return None
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO")
    reader.SetFileName(str(file))
    reader.ReadImageInformation()
    dimension = reader.GetDimension()
    if reader.GetNumberOfComponents() != 1:
        check.add("colour", "refused", message=SEVERAL_VALUES, remedy=EXPORT_3D)
        return None
    values = sitk.GetArrayFromImage(reader.Execute()).T
    lps = np.eye(4)
    if dimension == 3:
        lps[:3, :3] = np.reshape(reader.GetDirection(), (3, 3)) * reader.GetSpacing()
        lps[:3, 3] = reader.GetOrigin()
    return values, lps


def read_fields(file: Path, separator: str) -> tuple[dict[str, str], int]:
    """Read the fields of a text header.

    Args:
        file: File that starts with the header.
        separator: Separator of a field's name and value.

    Returns:
        Values by lower-case name, and the offset of the header's end: an empty line or the field
        ElementDataFile ends it.

    Raises:
        OSError: The file cannot be opened or read.
    """
    fields: dict[str, str] = {}
    with file.open("rb") as stream:
        while stream.tell() < LONGEST_HEADER:
            line = stream.readline(1 << 16)
            if not line.strip():
                break
            name, found_separator, value = line.decode("latin-1").partition(separator)
            name = name.strip().lower()
            if found_separator:
                # NRRD separates the user's own fields by :=
                fields[name] = value.lstrip("=").strip()
            if name == "elementdatafile":
                break
        return fields, stream.tell()


def parse_numbers(text: str) -> list[float] | None:
    """Parse finite numbers between spaces, commas and brackets; None if there is other text."""
    try:
        values = [float(part) for part in text.translate(str.maketrans("(),", "   ")).split()]
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def metaimage_affine(check: ScanCheck, fields: dict[str, str]) -> np.ndarray | None:
    """Compute the affine of a MetaImage volume of three dimensions.

    Args:
        check: Receives the findings.
        fields: Header fields from `read_fields`.

    Returns:
        `(4, 4)` affine from voxel index to LPS mm, None if it is refused.
    """
    matrix = parse_numbers(_first_field(fields, MATRIX) or "")
    offset = parse_numbers(_first_field(fields, OFFSET) or "")
    spacing = parse_numbers(_first_field(fields, SPACING) or "")
    valid = True
    if not matrix or len(matrix) != 9 or not offset or len(offset) != 3:
        check.add("no_orientation", "refused", message=NO_ORIENTATION, remedy=EXPORT_AGAIN)
        valid = False
    elif _is_singular(np.reshape(matrix, (3, 3))):
        check.add("singular_orientation", "refused", message=SINGULAR, remedy=EXPORT_AGAIN)
        valid = False
    if not spacing or len(spacing) != 3 or min(spacing) <= 0:
        check.add("bad_pixel_spacing", "refused", message=NO_SPACING, remedy=EXPORT_AGAIN)
        valid = False
    if not valid:
        return None
    affine = np.eye(4)
    # the file lists the direction of the first axis, then of the second and third
    affine[:3, :3] = np.reshape(matrix, (3, 3)).T * spacing
    affine[:3, 3] = offset
    return affine


def _first_field(fields: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if name in fields), None)


def _is_singular(matrix: np.ndarray) -> bool:
    """Return True if the rows of a square matrix do not span the space."""
    lengths = np.linalg.norm(matrix, axis=1)
    return not lengths.all() or abs(np.linalg.det(matrix / lengths[:, None])) < 1e-3


def _read_voxels(
    check: ScanCheck,
    file: Path,
    *,
    fields: dict[str, str],
    header_end: int,
    dtype: np.dtype,
    size: list[int],
) -> np.ndarray | None:
    """Read a MetaImage's values in their shape, None if they are missing or too few or many."""
    target = fields.get("elementdatafile", "")
    if target.startswith("LIST") or "%" in target or fields.get("binarydata", "True") != "True":
        check.add(
            "split_volume",
            "refused",
            message="the voxels are in one file per slice, or written as text",
            remedy="export the volume with its voxels in one binary file",
        )
        return None
    local = target.upper() == "LOCAL"
    source = file if local else file.parent / target
    if not source.is_file():
        check.findings.append(NO_VOXELS)
        return None
    expected = int(np.prod(size, dtype=float)) * dtype.itemsize
    start = header_end if local else int(fields.get("headersize", 0))
    if fields.get("compresseddata", "").lower() == "true":
        content = _decompress(check, source, start=max(0, start))
        present = expected if content is None else len(content)
    else:
        content = None
        if start < 0:
            start = max(0, source.stat().st_size - expected)
        present = source.stat().st_size - start
    if not expected <= present <= expected + LONGEST_TRAILER:
        code = "truncated_file" if present < expected else "pixel_mismatch"
        message = f"{present} bytes of voxels, {expected} by the header"
        check.add(code, "refused", message=message, remedy=EXPORT_AGAIN)
    if not check.usable:
        return None
    count = expected // dtype.itemsize
    if content is None:
        values = np.fromfile(source, dtype, count, offset=start)
    else:
        values = np.frombuffer(content, dtype, count)
    return values.astype(dtype.newbyteorder("="), copy=False).reshape(size, order="F")


def _decompress(check: ScanCheck, file: Path, *, start: int) -> bytes | None:
    """Decompress the voxels as far as they go, None if they are damaged."""
    with file.open("rb") as stream:
        stream.seek(start)
        compressed = stream.read()
    try:
        return zlib.decompressobj(ZLIB_OR_GZIP).decompress(compressed)
    except zlib.error:
        message = "the compressed voxels are damaged"
        check.add("damaged_file", "refused", message=message, remedy=EXPORT_AGAIN)
        return None


def _check_nrrd_header(check: ScanCheck, file: Path) -> None:
    """Refuse files without orientation or voxels, for which ITK would invent them."""
    fields, _ = read_fields(file, ":")
    size = parse_numbers(fields.get("sizes", ""))
    if not size:
        check.findings.append(DAMAGED_HEADER)
        return
    if len(size) >= 3:
        directions = fields.get("space directions", "").replace("none", "")
        matrix = parse_numbers(directions)
        if fields.get("space", "").lower() not in NRRD_SPACES or not matrix or len(matrix) != 9:
            check.add("no_orientation", "refused", message=NO_ORIENTATION, remedy=EXPORT_AGAIN)
        elif _is_singular(np.reshape(matrix, (3, 3))):
            check.add("singular_orientation", "refused", message=SINGULAR, remedy=EXPORT_AGAIN)
    target = fields.get("data file", fields.get("datafile", ""))
    if not target or "%" in target or target.startswith("LIST"):
        return
    if not (file.parent / target).is_file():
        check.findings.append(NO_VOXELS)
