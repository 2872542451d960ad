"""Free-response ROC and the score of LUNA16: nodules detected at given rates of false positives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lungcam.metrics.discrimination import SortedScores, sort_scores
from lungcam.metrics.resampling import (
    MAX_WEIGHTS,
    Statistic,
    json_interval,
    json_number,
    percentile_interval,
    resample_patients,
)

# false positives per scan
RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
FROC_RULE = (
    "a candidate hits a nodule if it lies nearer to its centre than half its diameter (LUNA16, "
    "Setio et al. 2017); of several on one nodule the surest counts, and the others are no false "
    "positives; hits on excluded findings are ignored; every scan counts, also one without "
    "nodules or candidates; CPM: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives "
    "a scan, linear between thresholds"
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


def _no_points() -> np.ndarray:
    return np.zeros((0, 3))


def _no_values() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Marks:
    """Candidates and findings of one scan, all in one world in mm.

    Attributes:
        points: `(N, 3)` candidates.
        scores: `(N,)`, larger for surer, on one scale for all scans.
        centers: `(M, 3)` nodules to detect.
        diameters: `(M,)` mm.
        excluded_centers: `(K, 3)` findings that count neither way.
        excluded_diameters: `(K,)` mm.
    """

    points: np.ndarray = field(default_factory=_no_points)
    scores: np.ndarray = field(default_factory=_no_values)
    centers: np.ndarray = field(default_factory=_no_points)
    diameters: np.ndarray = field(default_factory=_no_values)
    excluded_centers: np.ndarray = field(default_factory=_no_points)
    excluded_diameters: np.ndarray = field(default_factory=_no_values)

    def excluding(self, rows: np.ndarray) -> "Marks":
        """Return the same scan with the nodules at `rows` `(M,)` bool counting neither way."""
        return Marks(
            points=self.points,
            scores=self.scores,
            centers=self.centers[~rows],
            diameters=self.diameters[~rows],
            excluded_centers=np.concatenate([self.excluded_centers, self.centers[rows]]),
            excluded_diameters=np.concatenate([self.excluded_diameters, self.diameters[rows]]),
        )


def match(marks: Marks) -> tuple[np.ndarray, np.ndarray]:
    """Sort the candidates of a scan into hits, false positives and those that are ignored.

    A candidate hits a nodule if it lies nearer to its centre than half its diameter; within two
    it hits both. Of several on one nodule the surest counts, and the others are no false
    positives. A candidate that hits no nodule but an excluded finding is ignored.

    Args:
        marks: The scan.

    Returns:
        `(M,)` score of the surest hit on each nodule, -inf where there is none; and the scores of
        the false positives.
    """
    scores = np.asarray(marks.scores, float)
    hits = within_radius(_distances(marks.points, marks.centers), marks.diameters)
    best = np.where(hits, scores[:, None], -np.inf).max(axis=0, initial=-np.inf)
    excluded_distances = _distances(marks.points, marks.excluded_centers)
    ignored = within_radius(excluded_distances, marks.excluded_diameters).any(axis=1)
    return best, scores[~hits.any(axis=1) & ~ignored]


def _distances(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the distance of each of `(N, 3)` points from each of `(M, 3)` centres: `(N, M)`."""
    return np.linalg.norm(points[:, None] - centers[None], axis=2)


@dataclass(frozen=True, eq=False, kw_only=True)
class Froc:
    """Matched candidates of all scans: E events, each a detected nodule or a false positive.

    Attributes:
        detected: `(E,)` bool, True for a nodule and False for a false positive.
        scores: `(E,)`.
        scans: `(E,)` index of each event's scan.
        nodules: `(S,)` number of nodules in each scan.
    """

    detected: np.ndarray
    scores: np.ndarray
    scans: np.ndarray
    nodules: np.ndarray

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return false positives per scan and sensitivity at every threshold, from (0, 0) on."""
        false, sensitivity = self._steps(np.ones((1, len(self.nodules))), self._sorted())
        return false[0], sensitivity[0]

    def sensitivity(self) -> np.ndarray:
        """Return the sensitivity at each of `RATES`; NaN where there is no nodule."""
        if not self.nodules.sum():
            return np.full(len(RATES), np.nan)
        return self.weighted()(np.ones((1, len(self.nodules))))[0]

    def cpm(self) -> float:
        """Return the competition performance metric, the mean of `sensitivity`."""
        return float(self.sensitivity().mean())

    def weighted(self) -> Statistic:
        """Return a function from weights `(R, S)` of the scans to sensitivities `(R, 7)`."""
        order = self._sorted()
        # a scan has many candidates: fewer resamples are held at once than elsewhere
        rows = max(1, MAX_WEIGHTS // max(1, len(self.scores)))

        def statistic(weights: np.ndarray) -> np.ndarray:
            blocks = (weights[k : k + rows] for k in range(0, len(weights), rows))
            curves = (
                curve for block in blocks for curve in zip(*self._steps(block, order), strict=True)
            )
            return np.stack([np.interp(RATES, false, sensitivity) for false, sensitivity in curves])

        return statistic

    def intervals(self, patients: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
        """Compute 95 % intervals over resamples of scans: `(8, 2)`, of the sensitivities and CPM.

        Args:
            patients: `(S,)` patient of each scan; the scans of a patient are drawn together. None:
                each scan is drawn by itself.
            seed: Seed of the resampling.

        Returns:
            Lower and upper bounds; NaN where there is no nodule, or no resample differs.
        """
        if not self.nodules.sum():
            return np.full((len(RATES) + 1, 2), np.nan)
        sensitivities = resample_patients(
            np.arange(len(self.nodules)) if patients is None else patients,
            self.weighted(),
            seed=seed,
            usable=lambda weights: weights @ self.nodules > 0,
        )
        columns = [*sensitivities.T, sensitivities.mean(axis=1)]
        return np.array([percentile_interval(column) for column in columns])

    def _sorted(self) -> SortedScores | None:
        return sort_scores(self.detected, self.scores) if len(self.scores) else None

    def _steps(
        self, weights: np.ndarray, order: SortedScores | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return false positives per scan and sensitivity at each threshold, `(R, 1 + T)` each."""
        start = np.zeros((len(weights), 1))
        if order is None:
            return start, start
        detected, false = order.group_weights(weights[:, self.scans])
        false = false.cumsum(axis=1) / weights.sum(axis=1, keepdims=True)
        sensitivity = detected.cumsum(axis=1) / (weights @ self.nodules)[:, None]
        return np.hstack([start, false]), np.hstack([start, sensitivity])


def froc(scans: Sequence[Marks]) -> Froc:
    """Match the candidates of scans by `FROC_RULE`.

    Args:
        scans: All examined scans, at least one.
    """
    detected, scores, scan_index = [], [], []
    for index, scan in enumerate(scans):
        best, false = match(scan)
        best = best[np.isfinite(best)]
        detected += [np.ones(len(best), bool), np.zeros(len(false), bool)]
        scores += [best, false]
        scan_index.append(np.full(len(best) + len(false), index))
    nodules = np.array([len(scan.centers) for scan in scans], float)
    return Froc(
        detected=np.concatenate(detected),
        scores=np.concatenate(scores),
        scans=np.concatenate(scan_index),
        nodules=nodules,
    )


def froc_figures(curve: Froc, patients: np.ndarray, *, seed: int = 0) -> dict[str, Any]:
    """Return the CPM and the sensitivities with their 95 % intervals, for a JSON file.

    Args:
        curve: The matched candidates.
        patients: `(S,)` patient of each scan.
        seed: Seed of the bootstrap.
    """
    bounds = curve.intervals(patients, seed)
    return {
        "cpm": json_number(curve.cpm()),
        "cpm_ci95": json_interval(bounds[-1]),
        "sensitivity_at": by_rate(curve.sensitivity()),
        "sensitivity_at_ci95": {
            f"{rate:g}": json_interval(pair) for rate, pair in zip(RATES, bounds, strict=False)
        },
    }


def by_rate(values: np.ndarray) -> dict[str, float | None]:
    """Return a value for each of `RATES` by its name."""
    return {
        f"{rate:g}": json_number(float(value)) for rate, value in zip(RATES, values, strict=True)
    }


def random_sensitivity(shares: Sequence[np.ndarray], ignored: Sequence[float]) -> np.ndarray:
    """Return the sensitivity at each of `RATES` of infinitely many random points and scores.

    Points above a threshold fall like a Poisson process: with `L` of them per scan a nodule that
    takes the share `p` of the scan's volume is hit with probability `1 - exp(-L p)`, and a point
    neither in a nodule nor in an excluded finding is a false positive. Nodules are assumed not to
    overlap.

    Args:
        shares: For each scan, the share of its volume that lies in each nodule, `(M,)`.
        ignored: For each scan, the share in excluded findings.

    Returns:
        `(7,)`; NaN where there is no nodule.
    """
    nodules = np.concatenate([np.zeros(0), *shares])
    if not len(nodules):
        return np.full(len(RATES), np.nan)
    empty = np.mean(
        [1 - sum(scan) - excluded for scan, excluded in zip(shares, ignored, strict=True)]
    )
    points = np.array(RATES) / max(empty, np.finfo(float).tiny)
    return 1 - np.exp(-np.outer(points, nodules)).mean(axis=1)
