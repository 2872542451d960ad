"""NRRD files, attached or detached: values and affine.

The values are read by ITK, the geometry from the header: ITK takes an origin of 0 where the file
has none, and ignores units.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from lungcam.findings import ScanCheck
from lungcam.scans.bounds import DEFLATE, LARGE, NONE, fits
from lungcam.scans.itk_formats import (
    DAMAGED_HEADER,
    EXPORT_3D,
    EXPORT_AGAIN,
    LONGEST_HEADER,
    MIXED_AXES,
    NO_ORIENTATION,
    NO_ORIGIN,
    NO_VOXELS,
    SEVERAL_VALUES,
    SINGLE_SLICE,
    SINGULAR,
    is_singular,
    parse_numbers,
    read_fields,
    repeated_field,
)

MAGIC = b"NRRD000"
# signs of the axes that turn a space into LPS
SPACES = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
TIME = ("-time", "t")
MM = {"": 1.0, "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1e3, "um": 1e-3}
UNKNOWN_UNIT = "the file gives lengths in a unit that is not known"
COLOURS = ("color", "vector", "normal", "point", "matrix", "complex", "quaternion", "gradient")
# fields that change place or value of the voxels: two of a kind leave the volume in doubt
DECISIVE = (
    "dimension", "sizes", "type", "endian", "encoding", "space", "space dimension", "space origin",
    "space directions", "space units", "data file", "datafile", "byte skip", "byteskip",
)  # fmt: skip
# such as `slice%03d.raw 1 120 1`, maybe with the dimension of a part after it
PATTERN = re.compile(r"(?P<name>.*%\d*d.*?)(?P<numbers>(\s+-?\d{1,9}){3,4})\s*")
MOST_PARTS = 20_000
MOST_SKIPPED = 16 << 20
TEXTS = ("ascii", "text", "txt", "hex")
PLAIN = ("raw", *TEXTS)
# bzip2 packs equal bytes nearly without bounds
PACKING = {"gzip": DEFLATE, "gz": DEFLATE, "bzip2": 1 << 20, "bz2": 1 << 20}
# names of the types by their bytes
TYPES = {
    8: ("double", "longlong", "long long", "long long int", "signed long long", "int64", "int64_t",
        "signed long long int", "ulonglong", "unsigned long long", "unsigned long long int",
        "uint64", "uint64_t"),
    4: ("float", "int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32",
        "uint32_t"),
    2: ("short", "short int", "signed short", "signed short int", "int16", "int16_t", "ushort",
        "unsigned short", "unsigned short int", "uint16", "uint16_t"),
}  # fmt: skip
DIRECTION = re.compile(r"none|\([^)]*\)")


@dataclass(frozen=True, eq=False)
class _Geometry:
    """Geometry of a header.

    Attributes:
        affine: `(4, 4)` affine from the indices of the axes in space to LPS mm.
        space_axes: The axes in space, ascending.
    """

    affine: np.ndarray
    space_axes: list[int]


def read_nrrd(check: ScanCheck, file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a .nrrd or .nhdr file, with its voxels inside or in data files.

    Args:
        check: Receives the findings.
        file: File with the header, or with header and voxels.

    Returns:
        Values of any real type, the axes in space first, and the `(4, 4)` affine to LPS mm; None if
        refused.

    Raises:
        OSError: The file cannot be opened or read.
        RuntimeError: SimpleITK cannot read the file.
    """
    fields, _ = read_fields(file, ":")
    with file.open("rb") as stream:
        magic = stream.read(len(MAGIC))
    size = parse_numbers(fields.get("sizes", ""))
    if magic != MAGIC or not size or min(size) < 1 or len(size) != int(fields.get("dimension", 0)):
        check.findings.append(DAMAGED_HEADER)
        return None
    if len(size) < 3:
        check.add("image_2d", "refused", message=SINGLE_SLICE, remedy=EXPORT_3D)
        return None
    geometry = _read_geometry(check, fields, dimension=len(size))
    if any(name in fields.get("kinds", "").lower() for name in COLOURS):
        check.add("colour", "refused", message=SEVERAL_VALUES, remedy=EXPORT_3D)
    if not all(part.is_file() for part in data_files(file)):
        check.findings.append(NO_VOXELS)
    if geometry is None or not check.usable or not _is_bounded(check, file, fields, size=size):
        return None
    return _read_values(file, [int(n) for n in size], space_axes=geometry.space_axes), (
        geometry.affine
    )


def _is_bounded(
    check: ScanCheck, file: Path, fields: dict[str, str], *, size: Sequence[float]
) -> bool:
    """Return True if the files can hold the voxels that the header declares."""
    encoding = fields.get("encoding", "raw").lower()
    skip = parse_numbers(fields.get("byte skip", fields.get("byteskip", "0"))) or [0]
    kind = fields.get("type", "").lower()
    item_bytes = next((count for count, names in TYPES.items() if kind in names), 1)
    packed = encoding not in PLAIN
    if packed and not 0 <= skip[0] <= MOST_SKIPPED:
        message = "a packed file with voxels at an unlikely place (byte skip)"
        check.add("doubtful_header", "refused", message=message, remedy=EXPORT_AGAIN)
        return False
    values = math.prod(int(n) for n in size)
    if encoding in TEXTS or values * item_bytes < LARGE:
        # text has at least a digit and a blank; ITK counts what memory holds anyway
        item_bytes = 1 if values >= LARGE else 0
    return fits(
        check,
        values=values,
        item_bytes=item_bytes,
        stored=sum(part.stat().st_size for part in data_files(file) or [file]),
        packing=PACKING.get(encoding, NONE),
    )


def data_files(file: Path) -> list[Path]:
    """Return the files with the voxels of a header, none if they follow it.

    A header names one file, lists several, or gives a pattern with first and last number and step.

    Raises:
        OSError: The header cannot be opened or read.
    """
    fields, end = read_fields(file, ":")
    target = fields.get("data file", fields.get("datafile", ""))
    if target.upper().startswith("LIST"):
        with file.open("rb") as stream:
            # the list begins at once, or after an empty line
            text = stream.read(end + LONGEST_HEADER).decode("latin-1")
        lines = re.split(r"(?im)^data ?file:.*$", text, maxsplit=1)[-1].splitlines()
        names = [line.strip() for line in lines if line.strip()]
    elif match := PATTERN.fullmatch(target):
        numbers = [int(number) for number in match["numbers"].split()[:3]]
        first, last, step = numbers
        step = step or 1
        count = min(len(range(first, last + (1 if step > 0 else -1), step)), MOST_PARTS)
        names = [_numbered(match["name"], first + k * step) for k in range(count)]
    else:
        names = [target] if target else []
    return [file.parent / name for name in names[:MOST_PARTS]]


def _numbered(pattern: str, number: int) -> str:
    try:
        return pattern % number
    except (TypeError, ValueError):
        return pattern


def _read_geometry(check: ScanCheck, fields: dict[str, str], *, dimension: int) -> _Geometry | None:
    """Return the geometry of a header, None if it is refused."""

    def refuse(code: str, message: str) -> None:
        check.add(code, "refused", message=message, remedy=EXPORT_AGAIN)

    if repeated := repeated_field(fields, DECISIVE):
        refuse("doubtful_header", repeated)
        return None
    space = fields.get("space", "").lower()
    signs = next(
        (SPACES[name] for name in SPACES if space in (name, *(name + end for end in TIME))), None
    )
    size_of_space = 3
    if signs is None and not space and fields.get("space dimension") == "4":
        # SimpleITK writes no name of a space for four dimensions, and its own axes are LPS
        signs, size_of_space = SPACES["lps"], 4
        check.add(
            "assumed_space",
            "flagged",
            message="the file names no space; its axes were taken as left-posterior-superior, as "
            "ITK writes four dimensions",
            remedy="check left and right",
        )
    elif signs is not None and space not in SPACES:
        size_of_space = 4
    texts = DIRECTION.findall(fields.get("space directions", "").lower())
    vectors = [None if text == "none" else parse_numbers(text) for text in texts]
    if (
        signs is None
        or len(vectors) != dimension
        or any(vector is not None and len(vector) != size_of_space for vector in vectors)
    ):
        refuse("no_orientation", NO_ORIENTATION)
        return None
    space_axes = [k for k, vector in enumerate(vectors) if vector and any(vector[:3])]
    if len(space_axes) != 3:
        refuse("singular_orientation", SINGULAR)
        return None
    if any(any(vectors[k][3:]) for k in space_axes):
        refuse("no_orientation", MIXED_AXES)
        return None
    axes = np.array([vectors[k][:3] for k in space_axes]).T
    if is_singular(axes.T):
        refuse("singular_orientation", SINGULAR)
        return None
    origin = parse_numbers(fields.get("space origin", ""))
    if not origin or len(origin) != size_of_space:
        refuse("no_position", NO_ORIGIN)
        return None
    units = re.findall(r'"([^"]*)"', fields.get("space units", ""))[:3] or ["mm"]
    lengths = {MM.get(unit.lower().rstrip("s")) for unit in units}
    mm = lengths.pop()
    if mm is None or lengths:
        refuse("bad_pixel_spacing", UNKNOWN_UNIT)
        return None
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * mm, np.array(origin[:3]) * mm
    return _Geometry(np.diag([*signs, 1.0]) @ affine, space_axes)


def _read_values(file: Path, size: list[int], *, space_axes: list[int]) -> np.ndarray:
    """Read the values, the axes in space first.

    Raises:
        RuntimeError: SimpleITK cannot read the file, or reads another size than the header's.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO")
    reader.SetFileName(str(file))
    image = reader.Execute()
    values = sitk.GetArrayFromImage(image).T
    others = [k for k in range(len(size)) if k not in space_axes]
    if values.ndim == len(size) and image.GetNumberOfComponentsPerPixel() > 1:
        # ITK puts the components of a voxel first
        values = np.moveaxis(values, 0, others[0])
    elif values.ndim < len(size):
        values = values.reshape(size, order="F")
    if list(values.shape) != size:
        raise RuntimeError(f"{file.name}: another size than the header's")
    return values.transpose(*space_axes, *others)
