"""Layouts: the files of a data set, and the phantom person written into them."""

import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lungcam.phantom.phantom import Phantom, make_phantom

# fixed, so that the same phantom always has the same UIDs
NAMESPACE = uuid.UUID("5a1d6f0e-3b52-4c8e-9a77-0c61b8f2d4e3")
VESSEL_HU = -600
CLEAR_MM = 10.0
# remark on the scans of the phantom cohort
EXTRA_NODULES = "Small benign nodules other than the one that counts are in no table."
Rows = Mapping[str, Sequence[Sequence[object]]]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A phantom person.

    Attributes:
        index: Index in the cohort, from 0.
        key: Name of the cohort's settings, see `cohort_key`.
        seed: Seed of the phantom.
        kind: "malignant", "benign" or "healthy".
        difficulty: In [0, 1].
        matrix: Rows and columns of a slice.
        pattern: Share with the pattern among people who get cancer.
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
        """Sample ID of the phantom cohort."""
        return f"phantom-{self.index:04d}"

    @property
    def patient_id(self) -> str:
        """Patient ID of the phantom cohort."""
        return f"person-{self.index:04d}"

    def uid(self, *name: object) -> str:
        """Return the DICOM UID of an object of this person, derived from a UUID (PS3.5 B.2).

        It depends on neither the layout nor the number of phantoms, so that a scan has the same UID
        in the trees of LUNA16 and LIDC-IDRI.
        """
        return f"2.25.{self._uuid(*name).int}"

    def number(self, *name: object) -> int:
        """Return the five digits of a folder's name, as in downloads from TCIA."""
        return self._uuid(*name).int % 90_000 + 10_000

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a generator for one purpose, independent of all others."""
        return np.random.default_rng([self.seed, self.index, zlib.crc32(purpose.encode())])

    def _uuid(self, *name: object) -> uuid.UUID:
        return uuid.uuid5(NAMESPACE, " ".join(map(str, (self.key, self.index, *name))))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A phantom in a tree.

    Attributes:
        image: File or folder of the scan below the root of the tree.
        patient_id: Name of the person in the tree.
        study_uid: StudyInstanceUID; None if the layout has none.
        series_uid: SeriesInstanceUID of the scan.
        center_mm: Centre of the nodule in RAS mm in this tree, which may show the scan rotated.
        label: Label by the rule of the data set.
        fold: Official fold, from 0.
        rows: Rows that it adds to the tables, by the path of the table.
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
    """Return the phantom of a person in the phantom cohort."""
    return make_phantom(
        subject.seed, subject.kind, difficulty=subject.difficulty, matrix=subject.matrix
    )


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Files and tables of a data set.

    Attributes:
        title: Name of the data set.
        write: Function of the root, the person and the phantom that writes the files of the phantom
            atomically.
        tables: Columns by the path of the table below the root; empty for a table without a header.
        settings: Arguments of the training command; `{out}` stands for the root.
        remarks: Sentences for the README about the contents.
        make: Function that makes the phantom of a person.
        pattern: Default share with the pattern among people who get cancer; None if the phantoms of
            the layout have no pattern.
    """

    title: str
    write: Callable[..., Entry]
    tables: Mapping[str, Sequence[str]]
    settings: Sequence[str]
    remarks: Sequence[str]
    make: Callable[[Subject], Phantom] = cohort_phantom
    pattern: float | None = None


def lobe_at(phantom: Phantom, point_mm: tuple[float, float, float]) -> int:
    """Return the code of the lobe at a point in RAS mm, as in NLST's sct_epi_loc.

    The oblique fissures are those that `body` paints; the right middle lobe and the lingula are the
    part in front of them in the lower half of the lungs.
    """
    slices = np.flatnonzero(phantom.lungs.any(axis=(0, 1)))
    height = (slices[-1] - slices[0]) * phantom.affine[2, 2]
    index = np.linalg.solve(phantom.affine, [*point_mm, 1])[:3]
    middle = (phantom.hu.shape[0] - 1) / 2
    x, y = (index[:2] - middle) * phantom.spacing[:2]
    z = (index[2] - slices[0]) * phantom.affine[2, 2]
    right = x < 0
    if z < 0.45 * height + 0.9 * y:
        return 3 if right else 6
    if z < 0.5 * height:
        return 2 if right else 5
    return 1 if right else 4


def draw_lung_voxels(
    rng: np.random.Generator, phantom: Phantom, *, count: int, vessels: bool = False
) -> np.ndarray:
    """Draw voxels in the lungs, at least a centimetre away from the nodule.

    Args:
        rng: Generator of the choice.
        phantom: Phantom with the lungs.
        count: Maximum number of voxels.
        vessels: True to take only voxels as dense as vessels.

    Returns:
        Voxel indices, int of shape `(count, 3)`.
    """
    lungs = phantom.lungs & (phantom.hu > VESSEL_HU) if vessels else phantom.lungs
    candidates = np.flatnonzero(lungs)
    # more than needed: those near the nodule are dropped
    size = min(50 * count, candidates.size)
    drawn = np.unravel_index(rng.choice(candidates, size=size), lungs.shape)
    index = np.stack(drawn, axis=1)
    if phantom.center_mm is not None:
        offset = voxels_to_world(phantom, index) - phantom.center_mm
        clear = 0.7 * phantom.diameter_mm + CLEAR_MM
        index = index[np.linalg.norm(offset, axis=1) > clear]
    return index[:count]


def voxels_to_world(phantom: Phantom, index: np.ndarray) -> np.ndarray:
    """Return the RAS mm of voxel indices `(..., 3)`."""
    return index @ phantom.affine[:3, :3].T + phantom.affine[:3, 3]
