"""Whose scan it is: the phantom person's numbers, UIDs and chances."""

import uuid
import zlib
from dataclasses import dataclass

import numpy as np

# any fixed one will do: with it, the same phantom always has the same UIDs
NAMESPACE = uuid.UUID("5a1d6f0e-3b52-4c8e-9a77-0c61b8f2d4e3")


@dataclass(frozen=True)
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
