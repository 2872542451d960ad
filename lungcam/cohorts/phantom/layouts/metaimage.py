"""MetaImage files as LUNA16's: a .mhd header beside .raw or, compressed, .zraw."""

import zlib
from pathlib import Path

import numpy as np

from lungcam.files import whole, write_text

TYPES = {np.dtype("int16"): "MET_SHORT", np.dtype("uint8"): "MET_UCHAR"}
# where an axis comes from, in LPS, as MetaIO writes it
FROM = ("RL", "AP", "IS")


def write_metaimage(file: Path, volume: np.ndarray, affine: np.ndarray, packed: bool) -> None:
    """Write a volume, the header last.

    Args:
        file: Ends in .mhd.
        volume: `(W, H, D)` int16 or uint8.
        affine: `(4, 4)` from voxel index to LPS mm, its axes at right angles.
        packed: Whether to compress the voxels.
    """
    voxels = np.ascontiguousarray(volume.T)
    content = voxels.astype(voxels.dtype.newbyteorder("<"), copy=False).tobytes()
    raw = file.with_suffix(".zraw" if packed else ".raw")
    size = ""
    if packed:
        content = zlib.compress(content, 2)
        size = f"CompressedDataSize = {len(content)}\n"
    with whole(raw) as temporary:
        temporary.write_bytes(content)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    # one axis' direction after the other
    matrix = (affine[:3, :3] / spacing).T
    main = np.abs(matrix).argmax(axis=1)
    letters = (FROM[at][int(row[at] < 0)] for at, row in zip(main, matrix, strict=True))
    header = (
        "ObjectType = Image\n"
        "NDims = 3\n"
        "BinaryData = True\n"
        "BinaryDataByteOrderMSB = False\n"
        f"CompressedData = {packed}\n"
        f"{size}"
        f"TransformMatrix = {_numbers(matrix.ravel())}\n"
        f"Offset = {_numbers(affine[:3, 3])}\n"
        "CenterOfRotation = 0 0 0\n"
        f"AnatomicalOrientation = {''.join(letters)}\n"
        f"ElementSpacing = {_numbers(spacing)}\n"
        f"DimSize = {' '.join(map(str, volume.shape))}\n"
        f"ElementType = {TYPES[volume.dtype]}\n"
        f"ElementDataFile = {raw.name}\n"
    )
    write_text(file, header)


def _numbers(values: np.ndarray) -> str:
    # adding 0 takes the sign from a 0
    return " ".join(f"{value + 0.0:.17g}" for value in values)
