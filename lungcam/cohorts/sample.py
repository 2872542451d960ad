"""Sample, the row of every cohort: a scan or a nodule with its patient, label and source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ScanNodule:
    """A nodule that is annotated in a scan.

    Attributes:
        center_mm: Centre in RAS world mm.
        diameter_mm: Diameter in mm.
        counts: True if a mark on the nodule is a hit; otherwise such a mark is neither a hit nor a
            false positive.
    """

    center_mm: tuple[float, float, float]
    diameter_mm: float
    counts: bool


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row of a cohort's table.

    Attributes:
        sample_id: Identifier, unique in the cohort and usable as a folder name.
        patient_id: Patient; all samples of a patient stay in one split.
        image: The scan's file or DICOM folder.
        label: 1 for positive, 0 for negative, or the number of a class from 0; None where unknown
            or excluded by the label rule.
        label_source: Source of the label: file, row or reader, and rule.
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID; selects the series where a folder holds several.
        center_mm: Centre of the lesion in RAS world mm, as in a NIfTI affine.
        diameter_mm: Diameter of the lesion in mm; 0 where there is known to be none.
        lesion_mask: Mask of the lesion, see `lungcam.masks.read_mask`. Never the network's input.
        lesion_segment: Segment, region or label of the lesion in its mask, by name or number.
        lesion_checked: True if lungcam itself made the mask on the scan's voxels; another one is
            compared with its scan where it is used.
        lungs_mask: Lungs of another program, see `lungcam.masks.read_lungs`; they replace those
            that are found by their air.
        lungs_segment: Segments, regions or labels of the lungs in their mask.
        time: Index of the scan's volume from 0, in a file of several.
        tilt: `straighten` or `refuse` the slices of a tilted gantry.
        fold: Official fold of the data set, from 0.
        time_days: Days from the scan to the event, or to the last day known to be free of it.
        event: True if the event happened at `time_days`; False if it is censored then.
        features: Other known values by name; each alone is a baseline. Never the network's input.
        nodules: Nodules annotated in the scan, including the sample's own; may be empty where the
            annotations are incomplete.
        number: Number that `task=number` predicts, in the cohort's unit.
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
    lesion_segment: str | None = None
    lesion_checked: bool = False
    lungs_mask: Path | None = None
    lungs_segment: str | None = None
    time: int | None = None
    tilt: str = "straighten"
    fold: int | None = None
    time_days: float | None = None
    event: bool | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    nodules: tuple[ScanNodule, ...] = ()
    number: float | None = None

    @property
    def age(self) -> float | None:
        """Age in years, if a column or a table of that name was kept."""
        return next((v for name, v in self.features.items() if name.lower() == "age"), None)

    @property
    def series(self) -> str | None:
        """Series to read from `image`; None for a file, which holds one volume."""
        return self.series_uid if self.image.is_dir() else None


@dataclass(frozen=True)
class Quantity:
    """Quantity that the samples' numbers measure.

    Attributes:
        name: Name, such as that of a table's column.
        unit: Unit, empty if it has none.
    """

    name: str
    unit: str = ""

    @property
    def title(self) -> str:
        """Name with the unit, such as `diameter (mm)`."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Cohort:
    """Samples and the rule that labelled them.

    Attributes:
        samples: Rows of the table.
        label_rule: One sentence that says what label 1 means; reported with every metric.
        notes: Sentences on what was left out or replaced, and why.
        classes: Names of the labels 0, 1, ... if they are several classes.
        quantity: Quantity of the samples' `number`, if they have one.
        name: Name of the data set, empty for a table of one's own.
        synthetic: True if every scan was made by a computer.
    """

    samples: Sequence[Sample]
    label_rule: str
    notes: Sequence[str] = ()
    classes: Sequence[str] = ()
    quantity: Quantity | None = None
    name: str = ""
    synthetic: bool = False
