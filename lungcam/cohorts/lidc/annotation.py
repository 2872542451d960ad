"""What readers drew and rated, as it stands in the XML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

# from 1 to 5, but calcification to 6
RATINGS = (
    "subtlety",
    "internalStructure",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "malignancy",
)
READERS = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class Contour:
    """One outline on one slice.

    Attributes:
        z_mm: Height of the slice in LPS mm, as the XML has it.
        sop_uid: SOPInstanceUID of the slice.
        included: Whether what it surrounds belongs to the nodule; if not, it is taken away.
        points: `(N, 2)` int, (column, row) from 0, N at least 2: the first pixels outside what is
            outlined.
    """

    z_mm: float
    sop_uid: str
    included: bool
    points: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Annotation:
    """One reader's mark of one nodule of 3 mm or more.

    Attributes:
        reader: The reading session in its file, from 1; in two files 1 is not the same person.
        nodule_id: The reader's own name for it.
        ratings: By the names in `RATINGS`.
        contours: At least one.
    """

    reader: int
    nodule_id: str
    ratings: Mapping[str, int]
    contours: tuple[Contour, ...]

    @cached_property
    def center(self) -> tuple[float, float, float]:
        """Mean column, row (voxels) and z (mm) of the included outlines' points."""
        drawn = [one for one in self.contours if one.included] or self.contours
        points = np.concatenate([one.points for one in drawn])
        heights = np.repeat([one.z_mm for one in drawn], [len(one.points) for one in drawn])
        column, row = points.mean(axis=0)
        return float(column), float(row), float(heights.mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """One XML file: up to four readers on one CT series.

    Attributes:
        file_name: Name of the file without its folder.
        series_uid: SeriesInstanceUID.
        study_uid: StudyInstanceUID, empty where the file has none.
        annotations: In the order of the file.
        skipped: How many marks of each kind were left aside.
        digest: Of the file's bytes.
    """

    file_name: str
    series_uid: str
    study_uid: str
    annotations: tuple[Annotation, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""
