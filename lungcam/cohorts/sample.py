"""A sample: one scan, whose it is, what is known of it and from where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One row of a cohort's table.

    Attributes:
        sample_id: Unique in the cohort, fit for a folder's name.
        patient_id: The person: splits never part the samples of one.
        image: The scan's file or DICOM folder.
        label: 1 for positive, 0 for negative, None where unknown.
        label_source: Where the label came from: file, row or reader, and rule.
        center_mm: Centre of the lesion in RAS world mm, as in a NIfTI affine.
        diameter_mm: Diameter of the lesion in mm; 0 where there is known to be none.
        lesion_mask: Volume on the scan's grid, non-zero in the lesion. Never the network's input.
    """

    sample_id: str
    patient_id: str
    image: Path
    label: int | None
    label_source: str
    center_mm: tuple[float, float, float] | None = None
    diameter_mm: float | None = None
    lesion_mask: Path | None = None


@dataclass(frozen=True)
class Cohort:
    """Samples and the rule that labelled them.

    Attributes:
        samples: The table's rows.
        label_rule: One sentence that says what label 1 means; it stands beside every figure.
    """

    samples: Sequence[Sample]
    label_rule: str
