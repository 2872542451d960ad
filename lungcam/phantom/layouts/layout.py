"""What a layout is: how to write a scan, and which tables stand beside the scans.

Whose scan it is: the phantom person's numbers, UIDs and chances.

Which lobe of a phantom's lungs a place lies in.

Places in a phantom's lungs, away from its nodule.
"""

import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lungcam.phantom.phantom import Phantom, make_phantom

# any fixed one will do: with it, the same phantom always has the same UIDs
NAMESPACE = uuid.UUID("5a1d6f0e-3b52-4c8e-9a77-0c61b8f2d4e3")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A phantom person.

    Attributes:
        index: Place in the cohort, from 0.
        key: Name of the cohort's settings, see `cohort_key`.
        seed: Seed of the phantom.
        kind: "malignant", "benign" or "healthy".
        difficulty: In [0, 1].
        matrix: Rows and columns of a slice.
        pattern: Share of those with the pattern among people who get cancer.
    """

    index: int
    key: str
    seed: int
    kind: str
    difficulty: float
    matrix: int
    pattern: float = 0.0

    @property
    def sample_id(self) -> str:
        """As in the phantom cohort."""
        return f"phantom-{self.index:04d}"

    @property
    def patient_id(self) -> str:
        """As in the phantom cohort."""
        return f"person-{self.index:04d}"

    def uid(self, *what: object) -> str:
        """DICOM UID of something of this person, derived from a UUID (PS3.5 B.2).

        Neither the layout nor the number of phantoms changes it, so that the same scan has the same
        UID in the trees of LUNA16 and LIDC-IDRI.
        """
        return f"2.25.{self._uuid(*what).int}"

    def number(self, *what: object) -> int:
        """Five digits that stand in a folder's name, as downloads from TCIA have them."""
        return self._uuid(*what).int % 90_000 + 10_000

    def rng(self, what: str) -> np.random.Generator:
        """Source of chance for one purpose, apart from all others."""
        return np.random.default_rng([self.seed, self.index, zlib.crc32(what.encode())])

    def _uuid(self, *what: object) -> uuid.UUID:
        return uuid.uuid5(NAMESPACE, " ".join(map(str, (self.key, self.index, *what))))


Rows = Mapping[str, Sequence[Sequence[object]]]
# a remark on the phantom cohort's scans
BESIDE = "Small benign nodules that lie beside the one that counts are in no table."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a phantom has become in a tree.

    Attributes:
        image: The scan's file or folder below the tree's root.
        patient_id: As the tree names the person.
        study_uid: StudyInstanceUID; None where the layout has none.
        series_uid: SeriesInstanceUID of the scan.
        center_mm: Centre of the nodule in RAS mm in this tree, where the scan may lie turned.
        fold: Official fold, from 0.
        label: What the data set's own rule makes of it.
        rows: What it adds to the tables, by the table's path.
    """

    image: str
    patient_id: str
    study_uid: str | None
    series_uid: str
    center_mm: tuple[float, float, float] | None
    label: int | None
    fold: int | None = None
    rows: Rows = field(default_factory=dict)


def cohort_phantom(subject: Subject) -> Phantom:
    """The phantom that the phantom cohort has of a person."""
    return make_phantom(
        subject.seed, subject.kind, difficulty=subject.difficulty, matrix=subject.matrix
    )


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        title: The data set's name.
        write: Writes one phantom below a root, files whole or not at all.
        tables: Columns by the table's path below the root; a table without a header has none.
        settings: For the training command; `{out}` stands for the root.
        remarks: Sentences for the README on what stands in for what.
        make: Makes the phantom that is written.
        pattern: Share of those with the pattern among people who get cancer, unless another is
            asked for; None where no phantom has any.
    """

    title: str
    write: Callable[[Path, Subject, Phantom], Entry]
    tables: Mapping[str, Sequence[str]]
    settings: Sequence[str]
    remarks: Sequence[str]
    make: Callable[[Subject], Phantom] = cohort_phantom
    pattern: float | None = None


def lobe_at(phantom: Phantom, point_mm: tuple[float, float, float]) -> int:
    """Code of the lobe at a place in RAS mm, as NLST's sct_epi_loc has it.

    The oblique fissures are where `anatomy` draws them; the right middle lobe and the lingula are
    taken as what lies before them in the lower half of the lungs.
    """
    used = np.flatnonzero(phantom.lungs.any(axis=(0, 1)))
    height = (used[-1] - used[0]) * phantom.affine[2, 2]
    index = np.linalg.solve(phantom.affine, [*point_mm, 1])[:3]
    middle = (phantom.hu.shape[0] - 1) / 2
    x, y = (index[:2] - middle) * phantom.spacing[:2]
    z = (index[2] - used[0]) * phantom.affine[2, 2]
    right = x < 0
    if z < 0.45 * height + 0.9 * y:
        return 3 if right else 6
    if z < 0.5 * height:
        return 2 if right else 5
    return 1 if right else 4


VESSEL_HU = -600
CLEAR_MM = 10.0


def places(
    rng: np.random.Generator, phantom: Phantom, *, count: int, vessels: bool = False
) -> np.ndarray:
    """Draw voxels in the lungs, at least a centimetre away from the nodule.

    Args:
        rng: Source of the choice.
        phantom: The phantom.
        count: How many.
        vessels: Whether to take only voxels as dense as vessels.

    Returns:
        `(count, 3)` int voxel indices.
    """
    lungs = phantom.lungs & (phantom.hu > VESSEL_HU) if vessels else phantom.lungs
    found = np.flatnonzero(lungs)
    # of the many that are near the nodule, some would fall away
    drawn = np.unravel_index(rng.choice(found, size=min(50 * count, found.size)), lungs.shape)
    index = np.stack(drawn, axis=1)
    if phantom.center_mm is not None:
        away = world(phantom, index) - phantom.center_mm
        clear = 0.7 * phantom.diameter_mm + CLEAR_MM
        index = index[np.linalg.norm(away, axis=1) > clear]
    return index[:count]


def world(phantom: Phantom, index: np.ndarray) -> np.ndarray:
    """RAS mm of voxel indices `(..., 3)`."""
    return index @ phantom.affine[:3, :3].T + phantom.affine[:3, 3]
