"""One series of a DICOM tree."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Series:
    """One DICOM series in one folder.

    Attributes:
        folder: The folder that directly holds its files.
        patient_id: Research number, or a pseudonym; see `person.research_number`.
        study_uid: StudyInstanceUID; empty where the files have none.
        series_uid: SeriesInstanceUID.
        modality: Such as CT; whoever wants CT alone filters by it.
        localizer: Whether all images that were looked at are localizers (scout views).
        slices: Files of the series in the folder; localizers do not count beside other images, and
            a file of many frames counts as one.
        thickness_mm: SliceThickness; None where it is missing or no positive number. It ranks
            reconstructions and never tells how far slices lie apart.
        kernel: ConvolutionKernel; empty where there is none.
        timepoint: NLST's screening year, 0 to 2; None for other data sets.
    """

    folder: Path
    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    localizer: bool
    slices: int
    thickness_mm: float | None
    kernel: str
    timepoint: int | None
