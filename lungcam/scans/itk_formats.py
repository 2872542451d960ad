"""Text headers of ITK's formats, and MetaImage files: values and affine.

MetaImage is not read by ITK, which invents an orientation where a file has none and prints messages
about missing fields.
"""

import math
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lungcam.findings import Finding, ScanCheck
from lungcam.scans.bounds import DEFLATE, NONE, fits

EXPORT_AGAIN = "copy or export the volume again"
EXPORT_3D = "export the CT as a single 3D volume"
SINGLE_SLICE = "a single slice is no 3D volume"
SEVERAL_VALUES = "more than one value per voxel"
NO_ORIENTATION = "the file has no orientation, so left and right are unknown"
NO_ORIGIN = "the file does not say where its first voxel lies"
MIXED_AXES = "an axis of time or channels is not at right angles to the axes in space"
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
# name under which `read_fields` lists the fields that occur twice with different values
REPEATED = "\n"
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
# fields that change place or value of the voxels: two of a kind leave the volume in doubt
DECISIVE = (MATRIX, OFFSET, SPACING, BIG_ENDIAN, ("dimsize",), ("ndims",), ("elementtype",))
# fields that rescale a value or a length, and the values that change nothing
NEUTRAL = {
    "elementtointensityfunctionslope": ("1",),
    "elementtointensityfunctionoffset": ("0",),
    "distanceunits": ("mm", "?", ""),
}


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
    if size and int(fields.get("ndims", len(size))) != len(size):
        size = None
    if fault := _doubt(fields):
        check.add("doubtful_header", "refused", message=fault, remedy=EXPORT_AGAIN)
        return None
    element_type = METAIMAGE_TYPES.get(fields.get("elementtype", ""))
    channels = int(fields.get("elementnumberofchannels", 1))
    if not size or min(size) < 1 or (element_type is None and channels == 1):
        check.findings.append(DAMAGED_HEADER)
        return None
    if channels != 1 or element_type is None:
        check.add("colour", "refused", message=SEVERAL_VALUES, remedy=EXPORT_3D)
        return None
    if len(size) < 3:
        check.add("image_2d", "refused", message=SINGLE_SLICE, remedy=EXPORT_3D)
        return None
    affine = metaimage_affine(check, fields)
    big_endian = is_true(_first_field(fields, BIG_ENDIAN))
    values = _read_voxels(
        check,
        file,
        fields=fields,
        header_end=header_end,
        dtype=np.dtype(element_type).newbyteorder(">" if big_endian else "<"),
        size=[int(n) for n in size],
    )
    return None if affine is None or values is None else (values, affine)


def data_file(file: Path) -> Path | None:
    """Return the file with the voxels of a MetaImage header, None if they follow it.

    Raises:
        OSError: The header cannot be opened or read.
    """
    target = read_fields(file, "=")[0].get("elementdatafile", "")
    return None if not target or target.upper() == "LOCAL" else file.parent / target


def read_fields(file: Path, separator: str) -> tuple[dict[str, str], int]:
    """Read the fields of a text header.

    Args:
        file: File that starts with the header.
        separator: Separator of a field's name and value.

    Returns:
        Values by lower-case name, and the offset of the header's end: an empty line or the field
        ElementDataFile ends it. Of a field that occurs twice the first counts; `repeated_field`
        names it.

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
            # NRRD separates the user's own fields by :=
            if not found_separator or value.startswith("="):
                continue
            if fields.setdefault(name, value.strip()) != value.strip():
                fields[REPEATED] = f"{fields.get(REPEATED, '')}{name}\n"
            if name == "elementdatafile":
                break
        return fields, stream.tell()


def repeated_field(fields: dict[str, str], names: Iterable[str]) -> str | None:
    """Describe the first of some fields that occurs twice with different values, None without."""
    repeated = fields.get(REPEATED, "").split("\n")
    name = next((name for name in names if name in repeated), None)
    return name and f"the field {name} occurs twice with different values"


def parse_numbers(text: str) -> list[float] | None:
    """Parse finite numbers between spaces, commas and brackets; None if there is other text."""
    try:
        values = [float(part) for part in text.translate(str.maketrans("(),", "   ")).split()]
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def metaimage_affine(check: ScanCheck, fields: dict[str, str]) -> np.ndarray | None:
    """Compute the affine of a MetaImage volume of three or more dimensions.

    Args:
        check: Receives the findings.
        fields: Header fields from `read_fields`.

    Returns:
        `(4, 4)` affine from the first three voxel indices to LPS mm, None if it is refused.
    """
    count = len(parse_numbers(fields.get("dimsize", "")) or ())
    numbers = [parse_numbers(_first_field(fields, names) or "") for names in (OFFSET, SPACING)]
    offset, spacing = (values if values and len(values) == count else None for values in numbers)
    listed = parse_numbers(_first_field(fields, MATRIX) or "")
    # the file lists the direction of the first axis, then of the second and third
    matrix = np.reshape(listed, (count, count)).T if listed and len(listed) == count**2 else None
    axes = None if matrix is None else matrix[:3, :3]
    faults = []
    if axes is None:
        faults.append(("no_orientation", NO_ORIENTATION))
    elif matrix[:3, 3:].any() or matrix[3:, :3].any():
        faults.append(("no_orientation", MIXED_AXES))
    elif is_singular(axes.T):
        faults.append(("singular_orientation", SINGULAR))
    if offset is None:
        faults.append(("no_position", NO_ORIGIN))
    if spacing is None or min(spacing[:3]) <= 0:
        faults.append(("bad_pixel_spacing", NO_SPACING))
    for code, message in faults:
        check.add(code, "refused", message=message, remedy=EXPORT_AGAIN)
    if faults:
        return None
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing[:3]
    affine[:3, 3] = offset[:3]
    return affine


def is_true(text: str | None) -> bool:
    """Return a boolean as MetaIO reads it: by its first letter, T or t or 1."""
    return (text or "")[:1] in ("T", "t", "1")


def _doubt(fields: dict[str, str]) -> str | None:
    """Describe a field that leaves place or values in doubt, None without one."""
    if repeated := repeated_field(fields, [name for names in DECISIVE for name in names]):
        return repeated
    for names in DECISIVE:
        values = {fields[name] for name in names if name in fields}
        if len(values) > 1 and names != SPACING:
            return f"the fields {' and '.join(name for name in names if name in fields)} differ"
    for name, neutral in NEUTRAL.items():
        value = fields.get(name, neutral[0]).lower()
        numbers = parse_numbers(value)
        if value not in neutral and (numbers is None or numbers != parse_numbers(neutral[0])):
            return f"the field {name} changes values or lengths in a way that readers ignore"
    return None


def _first_field(fields: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if name in fields), None)


def is_singular(matrix: np.ndarray) -> bool:
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
    text = not is_true(fields.get("binarydata", "True"))
    if target.startswith("LIST") or "%" in target or text:
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
    values = math.prod(size)
    expected = values * dtype.itemsize
    stored = source.stat().st_size
    packed = is_true(fields.get("compresseddata"))
    packing = DEFLATE if packed else NONE
    # without packing the bytes are counted below
    declared = dtype.itemsize if packed else 0
    if not fits(check, values=values, item_bytes=declared, stored=stored, packing=packing):
        return None
    start = header_end if local else int(fields.get("headersize", 0))
    if packed:
        most = expected + LONGEST_TRAILER + 1
        content = _decompress(check, source, start=max(0, start), most=most)
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
    count = values
    if content is None:
        values = np.fromfile(source, dtype, count, offset=start)
    else:
        values = np.frombuffer(content, dtype, count)
    return values.astype(dtype.newbyteorder("="), copy=False).reshape(size, order="F")


def _decompress(check: ScanCheck, file: Path, *, start: int, most: int) -> bytes | None:
    """Decompress at most so many bytes of the voxels, None if they are damaged."""
    with file.open("rb") as stream:
        stream.seek(start)
        compressed = stream.read()
    try:
        return zlib.decompressobj(ZLIB_OR_GZIP).decompress(compressed, most)
    except zlib.error:
        message = "the compressed voxels are damaged"
        check.add("damaged_file", "refused", message=message, remedy=EXPORT_AGAIN)
        return None
