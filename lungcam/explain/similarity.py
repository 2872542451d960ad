"""How alike two maps are."""

import numpy as np
from scipy.stats import rankdata

from lungcam.explain.heatmap import HeatMap
from lungcam.explain.localisation import peak_mm
from lungcam.grid import resample


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two maps' cells; 0 where either is the same everywhere.

    Args:
        first: Array of any shape.
        second: Of the same shape.
    """
    if first.size == 0 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def compare(heat: HeatMap, other: HeatMap, where: np.ndarray) -> dict[str, float]:
    """Lay one map over another in the scanner's space and compare them.

    Args:
        heat: The map that stays.
        other: Resampled to the cells of `heat`; its axes are parallel.
        where: `(w, h, d)` bool, the cells to compare.

    Returns:
        `spearman`, over the cells that both maps cover whole, and `peak_mm`, the distance of their
        peaks, NaN where either points nowhere.
    """
    covered = resample(np.ones(other.cells.shape, bool), other.cells, heat.cells) > 1 - 1e-3
    both = covered & where
    moved = np.linalg.norm(peak_mm(heat.values, heat.cells) - peak_mm(other.values, other.cells))
    return {
        "spearman": rank_correlation(heat.values[both], other.on(heat.cells)[both]),
        "peak_mm": float(moved),
    }
