"""Hashes that know a scan again: of its voxels, the same in every file format, and its series."""

import hashlib
from collections.abc import Iterable

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


def is_known(
    pixels: str, series_uid: str | None, *, known_pixels: Iterable[str], known_series: Iterable[str]
) -> bool:
    """Return True if a scan is among known ones, or a crop of its series is.

    Args:
        pixels: `pixel_hash` of the scan.
        series_uid: Its SeriesInstanceUID, if there is one.
        known_pixels: Pixel hashes of the known scans.
        known_series: Hashes of their series, from `series_hashes`.
    """
    return pixels in known_pixels or not set(known_series).isdisjoint(series_hashes([series_uid]))


def series_hashes(uids: Iterable[str | None]) -> list[str]:
    """Hash the SeriesInstanceUIDs that are known, sorted: a checkpoint names no series."""
    known = {uid for uid in uids if uid}
    return sorted(hashlib.sha256(uid.encode()).hexdigest()[:32] for uid in known)
