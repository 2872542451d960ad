"""Write a volume that stands where the scan stands."""

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from lungcam.files import whole
from lungcam.grid import Grid


def write_volume(path: Path, volume: np.ndarray, grid: Grid) -> None:
    """Write a NIfTI volume on a grid.

    Args:
        path: Ends in .nii or .nii.gz.
        volume: `(W, H, D)`; bool is written as uint8.
        grid: Its voxel centres; written as both sform and qform, in scanner coordinates.
    """
    if volume.dtype == bool:
        volume = volume.astype(np.uint8)
    image = nib.Nifti1Image(volume, grid.affine)
    image.set_sform(grid.affine, code=1)
    image.set_qform(grid.affine, code=1)
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    if path.suffix == ".gz":
        # noise holds no repeats to search for: runs and Huffman codes alone are a third faster
        deflate = zlib.compressobj(1, zlib.DEFLATED, 31, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
        content = deflate.compress(content) + deflate.flush()
    with whole(path) as temporary:
        temporary.write_bytes(content)
