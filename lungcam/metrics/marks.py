"""What a detector marked in a scan, and which nodules its marks hit: the rule of LUNA16."""

from dataclasses import dataclass, field

import numpy as np


def _nowhere() -> np.ndarray:
    return np.zeros((0, 3))


def _nothing() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Marks:
    """One scan's candidates and findings, all in one world in mm.

    Attributes:
        points: `(N, 3)` candidates.
        scores: `(N,)`, larger for surer, on one scale for all scans.
        centers: `(M, 3)` nodules to be found.
        diameters: `(M,)` mm.
        excluded_centers: `(K, 3)` findings that count neither way.
        excluded_diameters: `(K,)` mm.
    """

    points: np.ndarray = field(default_factory=_nowhere)
    scores: np.ndarray = field(default_factory=_nothing)
    centers: np.ndarray = field(default_factory=_nowhere)
    diameters: np.ndarray = field(default_factory=_nothing)
    excluded_centers: np.ndarray = field(default_factory=_nowhere)
    excluded_diameters: np.ndarray = field(default_factory=_nothing)

    def excluding(self, rows: np.ndarray) -> "Marks":
        """The same scan where the nodules at `rows` `(M,)` bool count neither way."""
        return Marks(
            self.points,
            self.scores,
            self.centers[~rows],
            self.diameters[~rows],
            np.concatenate([self.excluded_centers, self.centers[rows]]),
            np.concatenate([self.excluded_diameters, self.diameters[rows]]),
        )


def within(points: np.ndarray, centers: np.ndarray, diameters: np.ndarray) -> np.ndarray:
    """Whether each point lies nearer to each centre than half its diameter: `(N, M)` bool."""
    distances = np.linalg.norm(points[:, None] - centers[None], axis=2)
    return distances < np.asarray(diameters, float) / 2


def match(marks: Marks) -> tuple[np.ndarray, np.ndarray]:
    """Sort a scan's candidates into hits, false positives and those that are ignored.

    A candidate hits a nodule if it lies nearer to its centre than half its diameter; within two
    it hits both. Of several on one nodule the surest counts, and the others are no false
    positives. What hits no nodule but an excluded finding is ignored.

    Args:
        marks: The scan.

    Returns:
        `(M,)` score with which each nodule is found, -inf where it is not; and the scores of the
        false positives.
    """
    hits = within(marks.points, marks.centers, marks.diameters)
    scores = np.asarray(marks.scores, float)
    found = np.where(hits, scores[:, None], -np.inf).max(axis=0, initial=-np.inf)
    ignored = within(marks.points, marks.excluded_centers, marks.excluded_diameters).any(axis=1)
    return found, scores[~hits.any(axis=1) & ~ignored]
