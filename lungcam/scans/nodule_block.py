"""Nodule blocks of LUNA25: `image/NAME.npy` with the voxels, `metadata/NAME.npy` with their place.

NumPy stores the place as a pickle, which could run any code: only plain numbers are taken from it.
The place is that of SimpleITK with all axes reversed, z first:
https://luna25.grand-challenge.org
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.scans.bounds import NONE, fits

SUFFIX = ".npy"
IMAGE, METADATA = "image", "metadata"
# bytes of three arrays of at most nine numbers
LONGEST_METADATA = 16 << 10
NO_METADATA = "a .npy file holds no spacing and no place, and there is no {file} that gives them"
NOT_A_BLOCK = "a .npy file that is no nodule block"
BLOCK_REMEDY = "give a nodule block as LUNA25 lays it out, or export a .nii.gz"


def metadata_file(image: Path) -> Path | None:
    """Return the file with the place of a block, None if there is none."""
    if image.parent.name != IMAGE:
        return None
    file = image.parent.parent / METADATA / image.name
    return file if file.is_file() else None


def read_block(check: ScanCheck, image: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a nodule block.

    Args:
        check: Receives the findings no_position, not_a_scan, damaged_file and those of `fits`.
        image: `image/NAME.npy`; `metadata/NAME.npy` lies in the folder next to it.

    Returns:
        Values `(W, H, D)` as they are stored and the `(4, 4)` affine to LPS mm; None if they cannot
        be read.
    """
    place = metadata_file(image)
    if place is None:
        message = NO_METADATA.format(file=f"../{METADATA}/{image.name}")
        check.add("no_position", "refused", message=message, remedy=BLOCK_REMEDY)
        return None
    affine = _read_affine(place)
    if affine is None:
        message = f"{METADATA}/{image.name} gives no origin, spacing and transform in numbers"
        check.add("damaged_file", "refused", message=message, remedy=BLOCK_REMEDY)
        return None
    values = _read_values(check, image)
    return None if values is None else (values.transpose(2, 1, 0), affine)


def _read_values(check: ScanCheck, image: Path) -> np.ndarray | None:
    """Return the voxels `(D, H, W)`."""
    with image.open("rb") as stream:
        shape, _, dtype = _read_header(stream)
    if len(shape) != 3 or dtype.kind not in "iuf":
        message = f"{NOT_A_BLOCK}: shape {shape}, values {dtype}"
        check.add("not_a_scan", "refused", message=message, remedy=BLOCK_REMEDY)
        return None
    size, count = image.stat().st_size, int(np.prod(shape, dtype=object))
    if not fits(check, values=count, item_bytes=dtype.itemsize, stored=size, packing=NONE):
        return None
    return np.load(image, allow_pickle=False)


def _read_header(stream: io.BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of a .npy file, up to its values."""
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return read[version](stream)


def _read_affine(file: Path) -> np.ndarray | None:
    """Return the `(4, 4)` affine from `(W, H, D)` indices to LPS mm, None if it is not there.

    A row of `transform` is the step along an axis, each component divided by the spacing of the
    axis that it lies along.
    """
    content = file.read_bytes() if file.stat().st_size <= LONGEST_METADATA else b""
    try:
        stream = io.BytesIO(content)
        shape, _, dtype = _read_header(stream)
        header = _Numbers(stream).load().item() if dtype.kind == "O" and shape == () else None
        origin, spacing, transform = (
            np.asarray(header[name], dtype=float) for name in ("origin", "spacing", "transform")
        )
    # a damaged pickle raises nearly any error
    except Exception:
        return None
    if (origin.shape, spacing.shape, transform.shape) != ((3,), (3,), (3, 3)):
        return None
    affine = np.eye(4)
    affine[:3, :3] = (transform * spacing).T[::-1, ::-1]
    affine[:3, 3] = origin[::-1]
    return affine


class _Numbers(pickle.Unpickler):
    """Reader of a pickle that holds arrays of numbers in a dict, and imports nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            if name == "_reconstruct":
                return _empty
            if name == "scalar":
                return _scalar
        elif module == "numpy" and name in ("ndarray", "dtype"):
            return None if name == "ndarray" else _dtype
        raise pickle.UnpicklingError(f"{module}.{name} is no array of numbers")


def _empty(*_: object) -> np.ndarray:
    """Return an array without values, which the pickle fills; its size is that of its bytes."""
    return np.empty(0)


def _dtype(name: str, *_: object) -> np.dtype:
    dtype = np.dtype(name)
    if dtype.kind not in "iufO":
        raise pickle.UnpicklingError(f"{name} is no type of numbers")
    return dtype


def _scalar(dtype: np.dtype, content: bytes) -> float:
    return float(np.frombuffer(content, dtype, count=1)[0])
