"""Metrics of a predicted number, with intervals over patients, and its prediction interval."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lungcam.metrics.resampling import (
    Statistic,
    json_interval,
    json_number,
    mean_interval,
    percentile_interval,
    resample_patients,
)

# share of new samples that a prediction interval is to hold
COVERAGE = 0.9
# standard deviations from the bias to either limit of agreement
LIMITS = 1.96
NUMBER_RULES = {
    "mae": "mean absolute error, in the number's unit",
    "rmse": "root of the mean squared error",
    "r2": "1 less the squared error over that of the split's own mean (coefficient of "
    "determination): 0 is no better than that mean, and it can be below 0",
    "spearman": "rank correlation of predicted and true numbers, equal ones with their mean rank",
    "bias": "mean of predicted less true; limits_of_agreement: bias and 1.96 standard deviations "
    "of the differences to either side (Bland and Altman, Lancet 1986;327:307-310)",
    "ci95": "95 % percentile intervals of 2,000 bootstraps over patients",
    "baselines": "mean: the training split's mean for all samples; the others by a straight line "
    "fitted to the training split, against the net on the same samples; difference is the net's "
    "mean absolute error less the baseline's, below 0 if the net is better",
    "interval": "split conformal prediction: with n validation samples the half-width is the "
    f"ceil((n + 1) * {COVERAGE})th smallest absolute error on them, so that it holds a new sample "
    f"of the same kind with a probability of {COVERAGE:.0%} or more (Papadopoulos et al., ECML "
    "2002); there is none for fewer than 9; validation's own coverage is therefore as chosen, the "
    "test's is measured",
}


@dataclass(frozen=True)
class Line:
    """Straight line from a score to a number.

    Attributes:
        slope: Per unit of the score.
        intercept: Number at a score of 0.
    """

    slope: float
    intercept: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return the numbers of scores `(N,)`; NaN where unknown."""
        return self.slope * scores + self.intercept


def fit_line(scores: np.ndarray, numbers: np.ndarray) -> Line | None:
    """Fit a straight line by least squares to the known scores.

    Args:
        scores: `(N,)`, NaN where unknown.
        numbers: `(N,)`.

    Returns:
        The line; None where fewer than three different scores are known.
    """
    known = ~np.isnan(scores)
    if len(np.unique(scores[known])) < 3:
        return None
    slope, intercept = np.polyfit(scores[known], numbers[known], 1)
    return Line(float(slope), float(intercept))


def conformal_margin(errors: np.ndarray, coverage: float = COVERAGE) -> float | None:
    """Return the half-width of a prediction interval by split conformal prediction.

    Args:
        errors: `(N,)` of samples that were not trained on.
        coverage: Share of new samples that the interval is to hold.

    Returns:
        The half-width; None where there are too few errors for the coverage.
    """
    # 9 * 1.1 must not become 10.000000000000002
    rank = math.ceil(round((len(errors) + 1) * coverage, 9))
    return float(np.sort(np.abs(errors))[rank - 1]) if rank <= len(errors) else None


def summarise_numbers(
    true: np.ndarray,
    predicted: np.ndarray,
    *,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    bounds: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
) -> dict[str, object]:
    """Compute the metrics of a split from its predictions.

    Args:
        true: `(N,)` numbers.
        predicted: `(N,)` likewise.
        patients: `(N,)` patient of each sample.
        baselines: Numbers `(N,)` that need no network, by name; NaN where unknown.
        bounds: Lower and upper bounds `(N,)` of the prediction intervals, if there are any.
        seed: Seed of the bootstrap.

    Returns:
        A dict for metrics.json; what cannot be computed is None. n, n_patients, mean, mae, rmse,
        r2, spearman, bias, each with _ci95, limits_of_agreement, interval (coverage with _ci95,
        mean width) if there are bounds, and against_baselines.
    """
    metrics: dict[str, object] = {
        "n": len(true),
        "n_patients": len(np.unique(patients)),
        "mean": float(true.mean()),
    }
    everyone = np.ones((1, len(true)))
    for name, statistic in _statistics(true, predicted).items():
        value = float(statistic(everyone)[0])
        interval = percentile_interval(resample_patients(patients, statistic, seed=seed))
        metrics |= {name: json_number(value), f"{name}_ci95": json_interval(interval)}
    differences = predicted - true
    if len(true) > 1:
        spread = LIMITS * float(differences.std(ddof=1))
        bias = float(differences.mean())
        metrics["limits_of_agreement"] = [bias - spread, bias + spread]
    if bounds is not None:
        low, high = bounds
        inside = ((low <= true) & (true <= high)).astype(float)
        metrics["interval"] = {
            "coverage": float(inside.mean()),
            "coverage_ci95": json_interval(mean_interval(inside, patients, seed=seed)),
            "width": float((high - low).mean()),
        }
    metrics["against_baselines"] = {
        name: _against(true, predicted, baseline=baseline, patients=patients, seed=seed)
        for name, baseline in baselines.items()
        if not np.isnan(baseline).all()
    }
    return metrics


def _statistics(true: np.ndarray, predicted: np.ndarray) -> dict[str, Statistic]:
    """Return each metric as a function of the samples' weights."""
    difference = predicted - true

    def mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
        return (weights @ values) / weights.sum(axis=1)

    def r2(weights: np.ndarray) -> np.ndarray:
        # centred: the squares of large numbers would lose the digits of their differences
        centred = true - true.mean()
        variance = mean(weights, centred**2) - mean(weights, centred) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            share = 1 - mean(weights, difference**2) / variance
        return np.where(variance > 1e-12 * (centred**2).max(initial=0), share, np.nan)

    def spearman(weights: np.ndarray) -> np.ndarray:
        first, second = weighted_ranks(true, weights), weighted_ranks(predicted, weights)
        total = weights.sum(axis=1, keepdims=True)
        first = first - (weights * first).sum(axis=1, keepdims=True) / total
        second = second - (weights * second).sum(axis=1, keepdims=True) / total
        with np.errstate(divide="ignore", invalid="ignore"):
            return (weights * first * second).sum(axis=1) / np.sqrt(
                (weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1)
            )

    return {
        "mae": lambda weights: mean(weights, np.abs(difference)),
        "rmse": lambda weights: np.sqrt(mean(weights, difference**2)),
        "r2": r2,
        "spearman": spearman,
        "bias": lambda weights: mean(weights, difference),
    }


def weighted_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rank values as if each occurred as often as its weight; equal ones have their mean rank.

    Args:
        values: `(N,)`.
        weights: `(R, N)` whole numbers.

    Returns:
        `(R, N)` ranks from 1; those of values with a weight of 0 mean nothing.
    """
    _, group = np.unique(values, return_inverse=True)
    totals = np.stack([np.bincount(group, row) for row in weights])
    below = totals.cumsum(axis=1) - totals
    return (below + (totals + 1) / 2)[:, group]


def _against(
    true: np.ndarray,
    predicted: np.ndarray,
    *,
    baseline: np.ndarray,
    patients: np.ndarray,
    seed: int,
) -> dict[str, object]:
    """Compare the net's mean absolute error with a baseline's on the samples where it is known."""
    known = ~np.isnan(baseline)
    true, predicted, baseline = true[known], predicted[known], baseline[known]
    net_errors, errors = np.abs(predicted - true), np.abs(baseline - true)
    difference = net_errors - errors
    values = resample_patients(
        patients[known],
        lambda weights: (weights @ difference) / weights.sum(axis=1),
        seed=seed,
    )
    return {
        "n": int(known.sum()),
        "mae": float(net_errors.mean()),
        "baseline_mae": float(errors.mean()),
        "baseline_rmse": float(np.sqrt(((baseline - true) ** 2).mean())),
        "difference": float(difference.mean()),
        "difference_ci95": json_interval(percentile_interval(values)),
    }
