"""Hash of a scan's voxels that is the same in every file format."""

import hashlib

import numpy as np

from lungcam.grid import reorient
from lungcam.scans import Scan

SLICES = 64


def pixel_hash(scan: Scan) -> str:
    """Hash a scan's HU in RAS+ order.

    The same scan as DICOM and as a volume file, flipped or not, has the same hash: padding is air
    in both once they are read. A scan that was resampled or cropped has another. In a tall volume
    64 slices spread over it are hashed: noise does not repeat.
    """
    volume = reorient(scan.hu, scan.grid, target=scan.grid.canonical)
    depth = volume.shape[2]
    digest = hashlib.sha256(repr(volume.shape).encode())
    for z in np.unique(np.linspace(0, depth - 1, min(depth, SLICES)).round().astype(int)):
        digest.update(np.ascontiguousarray(volume[:, :, z]).tobytes())
    return digest.hexdigest()[:32]
