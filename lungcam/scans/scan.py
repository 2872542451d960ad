"""A scan: HU on the scanner's grid."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lungcam.grid import Grid


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT volume as it was read.

    Attributes:
        name: Fit for a folder's name; from the path, never from a patient tag.
        source: The file or DICOM folder.
        hu: `(W, H, D)` int16 in HU, in the scan's own axis order.
        grid: Its voxel centres in RAS mm.
        series_uid: SeriesInstanceUID, None for other formats.
        warnings: What was repaired or left aside while reading, a sentence each.
    """

    name: str
    source: Path
    hu: np.ndarray
    grid: Grid
    series_uid: str | None = None
    warnings: list[str] = field(default_factory=list)
