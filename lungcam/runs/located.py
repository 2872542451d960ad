"""What is known of the images in which a net's maps are measured, and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lungcam.cohorts import Sample
from lungcam.explain import Lesion
from lungcam.metrics import Marks
from lungcam.runs.pointers import Pointed


@dataclass(frozen=True, eq=False)
class Known:
    """A finding in an image.

    Attributes:
        center_mm: `(3,)` RAS mm.
        diameter_mm: Diameter in mm.
        chance: Probability that a random point in the lungs hits it.
    """

    center_mm: np.ndarray
    diameter_mm: float
    chance: float


@dataclass(frozen=True, eq=False)
class Located:
    """One lesion, and how well each pointer finds it.

    Attributes:
        sample: Whose lesion it is.
        lesion: Where it lies.
        peak_mm: The map's highest peak in RAS mm; NaN where it points nowhere.
        figures: By pointer and figure; see `lungcam.explain.measures`.
    """

    sample: Sample
    lesion: Lesion
    peak_mm: np.ndarray
    figures: dict[str, dict[str, float]]


@dataclass(eq=False)
class LookedAt:
    """One image, its candidates and what lies in it.

    Attributes:
        sample: The first of its samples.
        pointed: By pointer.
        targets: What is to be found.
        excluded: What counts neither way.
    """

    sample: Sample
    pointed: dict[str, Pointed]
    targets: list[Known] = field(default_factory=list)
    excluded: list[Known] = field(default_factory=list)

    def marks(self, pointer: str) -> Marks:
        """A pointer's candidates beside the findings."""
        found = self.pointed[pointer]
        return Marks(found.points, found.scores, *_columns(self.targets), *_columns(self.excluded))

    @property
    def diameters(self) -> np.ndarray:
        """`(M,)` of the targets, in mm."""
        return np.array([one.diameter_mm for one in self.targets])


def _columns(findings: Sequence[Known]) -> tuple[np.ndarray, np.ndarray]:
    centers = np.array([one.center_mm for one in findings]).reshape(-1, 3)
    return centers, np.array([one.diameter_mm for one in findings])
