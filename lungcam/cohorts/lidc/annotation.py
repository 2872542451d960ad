"""Contours, annotations and readings as the XML files of LIDC-IDRI store them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

# from 1 to 5; calcification to 6
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
    """A closed outline on one slice.

    Attributes:
        z_mm: Position of the slice in LPS mm, as in the XML.
        sop_uid: SOPInstanceUID of the slice.
        included: True if the enclosed pixels belong to the nodule; False if they are subtracted.
        points: `(N, 2)` int, (column, row) from 0, N at least 2: the first pixels outside the
            outlined region.
    """

    z_mm: float
    sop_uid: str
    included: bool
    points: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Annotation:
    """One reader's annotation of one nodule of 3 mm or more.

    Attributes:
        reader: Number of the reading session in its file, from 1; reader 1 of two files is not the
            same person.
        nodule_id: The reader's own name of the nodule.
        ratings: Ratings by the names in `RATINGS`.
        contours: One or more outlines.
    """

    reader: int
    nodule_id: str
    ratings: Mapping[str, int]
    contours: tuple[Contour, ...]

    @cached_property
    def center(self) -> tuple[float, float, float]:
        """Mean column, row (voxels) and z (mm) of the points of the included contours."""
        contours = [contour for contour in self.contours if contour.included] or self.contours
        points = np.concatenate([contour.points for contour in contours])
        heights = np.repeat(
            [contour.z_mm for contour in contours], [len(contour.points) for contour in contours]
        )
        column, row = points.mean(axis=0)
        return float(column), float(row), float(heights.mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """One XML file: annotations of up to four readers on one CT series.

    Attributes:
        file_name: Name of the file without its folder.
        series_uid: SeriesInstanceUID.
        study_uid: StudyInstanceUID; empty where the file has none.
        annotations: Annotations in the order of the file.
        skipped: Number of skipped marks by kind.
        digest: Digest of the file's bytes.
    """

    file_name: str
    series_uid: str
    study_uid: str
    annotations: tuple[Annotation, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""
