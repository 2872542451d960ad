"""The readable headers of MetaImage and NRRD files."""

from pathlib import Path

import numpy as np

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
