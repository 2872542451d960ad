"""Data classes of a scan: the volume as read, and the checked scan."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.scans.dicom_header import Header


@dataclass(frozen=True, eq=False, kw_only=True)
class Volume:
    """Volume read from a DICOM series or a volume file, before its values are checked.

    Attributes:
        hu: `(W, H, D)` int16.
        grid: Voxel centres in RAS mm.
        series_uid: SeriesInstanceUID, None for other formats.
        study_uid: StudyInstanceUID, None for other formats and if the headers differ.
        frame_uid: FrameOfReferenceUID, likewise.
        folder: Folder of the slices, None for other formats and if there are several.
        slices: Headers of the slices in order of D, empty for other formats.
    """

    hu: np.ndarray
    grid: Grid
    series_uid: str | None = None
    study_uid: str | None = None
    frame_uid: str | None = None
    folder: Path | None = None
    slices: tuple[Header, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Scan:
    """CT scan in HU on the scanner's grid.

    Attributes:
        name: Name for a folder; taken from the path, never from a patient tag.
        source: File or DICOM folder.
        hu: `(W, H, D)` int16 in HU, in the scan's own axis order.
        grid: Voxel centres in RAS mm.
        series_uid: SeriesInstanceUID, None for other formats.
        study_uid: StudyInstanceUID, None for other formats and if the headers differ.
        frame_uid: FrameOfReferenceUID, likewise.
        check: Findings about the scan.
        slices: Headers of the DICOM slices in order of D, empty for other formats.
    """

    name: str
    source: Path
    hu: np.ndarray
    grid: Grid
    series_uid: str | None = None
    study_uid: str | None = None
    frame_uid: str | None = None
    check: ScanCheck = field(default_factory=lambda: ScanCheck(""))
    slices: tuple[Header, ...] = field(default=(), repr=False)

    @property
    def warnings(self) -> list[str]:
        """Findings that were repaired, skipped or flagged, a sentence each."""
        findings = self.check.with_outcome("repaired", "skipped", "flagged")
        return [finding.sentence for finding in findings]
