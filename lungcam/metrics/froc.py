"""Free-response ROC and the score of LUNA16: how many nodules at how many false alarms.

What a detector marked in a scan, and which nodules its marks hit: the rule of LUNA16.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lungcam.metrics.discrimination import SortedScores, sort_scores
from lungcam.metrics.resampling import (
    MAX_WEIGHTS,
    Statistic,
    percentile_interval,
    resample_patients,
)


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


def within_radius(
    distances_mm: npt.ArrayLike,
    diameters_mm: npt.ArrayLike,
    *,
    margin_mm: float = 0.0,
    inclusive: bool = False,
) -> np.ndarray:
    """Return True for each point that hits a nodule: the project's only hit rule.

    LUNA16 (Setio et al. 2017, doi:10.1016/j.media.2017.06.015) counts a point that lies nearer to
    a nodule's centre than half its diameter; a point on the surface misses.

    Args:
        distances_mm: Distances of points from nodules' centres, of any shape; NaN never hits.
        diameters_mm: Diameters of the nodules, of a shape that broadcasts.
        margin_mm: Length added to the radius.
        inclusive: Count a point on the surface, as the pointing game of heat-maps does.

    Returns:
        Bool of the broadcast shape.
    """
    radii = np.asarray(diameters_mm, float) / 2 + margin_mm
    distances = np.asarray(distances_mm, float)
    return distances <= radii if inclusive else distances < radii


def _distances(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Distance of each of `(N, 3)` points from each of `(M, 3)` centres: `(N, M)`."""
    return np.linalg.norm(points[:, None] - centers[None], axis=2)


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
    hits = within_radius(_distances(marks.points, marks.centers), marks.diameters)
    scores = np.asarray(marks.scores, float)
    found = np.where(hits, scores[:, None], -np.inf).max(axis=0, initial=-np.inf)
    excluded = _distances(marks.points, marks.excluded_centers)
    ignored = within_radius(excluded, marks.excluded_diameters).any(axis=1)
    return found, scores[~hits.any(axis=1) & ~ignored]


# false positives a scan
RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
FROC_RULE = (
    "a candidate hits a nodule if it lies nearer to its centre than half its diameter (LUNA16, "
    "Setio et al. 2017); of several on one nodule the surest counts, and the others are no false "
    "positives; hits on excluded findings are ignored; every scan counts, also one without "
    "nodules or candidates; CPM: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives "
    "a scan, linear between thresholds"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Froc:
    """The candidates of all scans, matched and sorted once.

    Attributes:
        found: `(E,)` bool: a nodule that was found, or else a false positive.
        scores: `(E,)`.
        scans: `(E,)` which scan each lies in.
        nodules: `(S,)` number of nodules in each scan.
    """

    found: np.ndarray
    scores: np.ndarray
    scans: np.ndarray
    nodules: np.ndarray

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """False positives a scan and sensitivity at every threshold, from (0, 0) on."""
        false, found = self._steps(np.ones((1, len(self.nodules))), self._sorted())
        return false[0], found[0]

    def sensitivity(self) -> np.ndarray:
        """Sensitivity at each of `RATES`; NaN where there is no nodule."""
        if not self.nodules.sum():
            return np.full(len(RATES), np.nan)
        return self.weighted()(np.ones((1, len(self.nodules))))[0]

    def cpm(self) -> float:
        """Mean of `sensitivity`."""
        return float(self.sensitivity().mean())

    def weighted(self) -> Statistic:
        """Function that gives the sensitivities `(R, 7)` for weights `(R, S)` of the scans."""
        order = self._sorted()
        # a scan has many candidates: fewer resamples are held at once than elsewhere
        rows = max(1, MAX_WEIGHTS // max(1, len(self.scores)))

        def of(weights: np.ndarray) -> np.ndarray:
            blocks = (weights[k : k + rows] for k in range(0, len(weights), rows))
            steps = (step for one in blocks for step in zip(*self._steps(one, order), strict=True))
            return np.stack([np.interp(RATES, false, found) for false, found in steps])

        return of

    def intervals(self, patients: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
        """95 % intervals over resamples of scans: `(8, 2)`, of the sensitivities and of the CPM.

        Args:
            patients: `(S,)` patient of each scan, drawn together; None: each is drawn by itself.
            seed: Of the resampling.

        Returns:
            Lower and upper bounds; NaN where there is no nodule, or no resample differs.
        """
        if not self.nodules.sum():
            return np.full((len(RATES) + 1, 2), np.nan)
        drawn = np.arange(len(self.nodules)) if patients is None else patients
        figures = resample_patients(
            drawn, self.weighted(), seed=seed, usable=lambda weights: weights @ self.nodules > 0
        )
        columns = [*figures.T, figures.mean(axis=1)]
        return np.array([percentile_interval(column) for column in columns])

    def _sorted(self) -> SortedScores | None:
        return sort_scores(self.found, self.scores) if len(self.scores) else None

    def _steps(
        self, weights: np.ndarray, order: SortedScores | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Two arrays `(R, 1 + T)`: false positives a scan and sensitivity, at each threshold."""
        start = np.zeros((len(weights), 1))
        if order is None:
            return start, start
        found, false = order.groups(weights[:, self.scans])
        false = false.cumsum(axis=1) / weights.sum(axis=1, keepdims=True)
        found = found.cumsum(axis=1) / (weights @ self.nodules)[:, None]
        return np.hstack([start, false]), np.hstack([start, found])


def froc(scans: Sequence[Marks]) -> Froc:
    """Match the candidates of scans by `FROC_RULE`.

    Args:
        scans: All that were looked at, one or more.
    """
    found, scores, of = [], [], []
    for number, scan in enumerate(scans):
        best, false = match(scan)
        best = best[np.isfinite(best)]
        found += [np.ones(len(best), bool), np.zeros(len(false), bool)]
        scores += [best, false]
        of.append(np.full(len(best) + len(false), number))
    nodules = np.array([len(scan.centers) for scan in scans], float)
    return Froc(
        found=np.concatenate(found),
        scores=np.concatenate(scores),
        scans=np.concatenate(of),
        nodules=nodules,
    )


def random_sensitivity(shares: Sequence[np.ndarray], ignored: Sequence[float]) -> np.ndarray:
    """Sensitivity at each of `RATES` of endlessly many random points with random scores.

    Points above a threshold fall like a Poisson process: with `L` of them a scan a nodule that
    takes the share `p` of the scan's volume is hit with probability `1 - exp(-L p)`, and what lies
    neither in a nodule nor in an excluded finding is a false positive. Nodules are taken not to
    overlap.

    Args:
        shares: Of each scan, the share of its volume that lies in each nodule, `(M,)`.
        ignored: Of each scan, the share in excluded findings.

    Returns:
        `(7,)`; NaN where there is no nodule.
    """
    nodules = np.concatenate([np.zeros(0), *shares])
    if not len(nodules):
        return np.full(len(RATES), np.nan)
    empty = np.mean([1 - sum(one) - left for one, left in zip(shares, ignored, strict=True)])
    points = np.array(RATES) / max(empty, np.finfo(float).tiny)
    return 1 - np.exp(-np.outer(points, nodules)).mean(axis=1)
