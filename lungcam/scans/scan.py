"""A scan: HU on the scanner's grid."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.scans.dicom_header import Header


@dataclass(frozen=True, eq=False, kw_only=True)
class Scan:
    """A CT volume as it was read.

    Attributes:
        name: Fit for a folder's name; from the path, never from a patient tag.
        source: The file or DICOM folder.
        hu: `(W, H, D)` int16 in HU, in the scan's own axis order.
        grid: Its voxel centres in RAS mm.
        series_uid: SeriesInstanceUID, None for other formats.
        study_uid: StudyInstanceUID, None for other formats.
        verdict: What was found while reading it.
        slices: Headers of the DICOM slices that were used, in order of D; none for other formats.
    """

    name: str
    source: Path
    hu: np.ndarray
    grid: Grid
    series_uid: str | None = None
    study_uid: str | None = None
    verdict: ScanCheck = field(default_factory=lambda: ScanCheck(""))
    slices: tuple[Header, ...] = field(default=(), repr=False)

    @property
    def warnings(self) -> list[str]:
        """What was repaired, left aside or is to be looked at, a sentence each."""
        return [one.sentence for one in self.verdict.of("repaired", "skipped", "flagged")]
