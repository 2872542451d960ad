"""A sample: one scan or nodule, whose it is, what is known of it and from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ScanNodule:
    """A nodule that is annotated in a scan.

    Attributes:
        center_mm: Centre in RAS world mm.
        diameter_mm: Diameter in mm.
        counts: Whether it is to be found; else a mark on it is neither a hit nor a false positive.
    """

    center_mm: tuple[float, float, float]
    diameter_mm: float
    counts: bool


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row of a cohort's table.

    Attributes:
        sample_id: Unique in the cohort, fit for a folder's name.
        patient_id: The person: splits never part the samples of one.
        image: The scan's file or DICOM folder.
        label: 1 for positive, 0 for negative, None where unknown or left out by the rule.
        label_source: Where the label came from: file, row or reader, and rule.
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID; tells which series is meant where a folder holds several.
        center_mm: Centre of the lesion in RAS world mm, as in a NIfTI affine.
        diameter_mm: Diameter of the lesion in mm; 0 where there is known to be none.
        lesion_mask: Volume on the scan's grid or on a box of it, non-zero in the lesion. Never the
            network's input.
        fold: Official fold of the data set, from 0.
        time_days: Days from the scan to the event, or to the last day it is known not to have
            come.
        event: Whether the event came at `time_days`; False where it is censored then.
        features: What else is known, by name; each alone is a baseline. Never the network's input.
        nodules: What is annotated in the scan, the sample's own lesion among it; may be empty where
            there is more than is told.
    """

    sample_id: str
    patient_id: str
    image: Path
    label: int | None
    label_source: str
    study_uid: str | None = None
    series_uid: str | None = None
    center_mm: tuple[float, float, float] | None = None
    diameter_mm: float | None = None
    lesion_mask: Path | None = None
    fold: int | None = None
    time_days: float | None = None
    event: bool | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    nodules: tuple[ScanNodule, ...] = ()

    @property
    def series(self) -> str | None:
        """The series to read from `image`: None for a file, which holds one volume."""
        return self.series_uid if self.image.is_dir() else None


@dataclass(frozen=True)
class Cohort:
    """Samples and the rule that labelled them.

    Attributes:
        samples: The table's rows.
        label_rule: One sentence that says what label 1 means; it stands beside every figure.
        notes: Sentences on what was left out or stood in for, and why.
    """

    samples: Sequence[Sample]
    label_rule: str
    notes: Sequence[str] = ()
