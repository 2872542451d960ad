"""Metrics of the user's own, next to those of the task."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lungcam.errors import InputError
from lungcam.metrics.resampling import (
    json_interval,
    json_number,
    percentile_interval,
    resample_patients,
)
from lungcam.metrics.summary import with_interval
from lungcam.tasks.predictions import Predictions

# function of labels (N,) and probabilities (N,) or (N, K)
Metric = Callable[[np.ndarray, np.ndarray], float]
INTERVAL_RULE = "95 % interval: percentiles over resamples of whole patients"
BASELINE_RULE = "baseline: the same of one probability for all, the share of positives"


def check_metric(name: str, metric: Metric) -> None:
    """Try a metric on four samples, before a training that it would end.

    Raises:
        InputError: It fails, or does not return a number.
    """
    try:
        _number(metric(np.array([0, 1, 0, 1]), np.array([0.2, 0.4, 0.6, 0.8])), name)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"metrics.{name}: it fails for labels 0, 1, 0, 1 and probabilities .2, .4, .6, .8: "
            f"{type(error).__name__}: {error}"
        ) from error


def own_figures(
    metrics: Mapping[str, Metric], predictions: Predictions, *, seed: int
) -> dict[str, dict[str, Any]]:
    """Compute the user's metrics of one split, with intervals and a baseline.

    Args:
        metrics: Functions of labels `(N,)` and calibrated probabilities `(N,)`, by name.
        predictions: Predictions of the split.
        seed: Seed of the resampling.

    Returns:
        `value`, `ci95` and `baseline` of each, by its name.
    """
    labelled = predictions.labelled
    labels, probabilities = labelled.labels, labelled.probabilities
    if not len(labels):
        return {}
    constant = np.full(len(labels), labels.mean())
    figures = {}
    for name, metric in metrics.items():
        resampled = resample_patients(
            labelled.patients, _statistic(metric, labels, probabilities, name=name), seed=seed
        )
        figures[name] = {
            "value": json_number(_number(metric(labels, probabilities), name)),
            "ci95": json_interval(percentile_interval(resampled)),
            "baseline": json_number(_number(metric(labels, constant), name)),
        }
    return figures


def own_lines(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Put what `own_figures` returned into lines for the console."""
    lines = []
    for name, figure in figures.items():
        if figure["value"] is None:
            lines.append(f"{name}: not defined on these samples")
            continue
        constant = "not defined" if figure["baseline"] is None else f"{figure['baseline']:.3f}"
        lines.append(
            f"{name} {with_interval(figure['value'], figure['ci95'])}; {constant} with one "
            "probability for all"
        )
    return lines


def own_rules(metrics: Mapping[str, Metric]) -> dict[str, str]:
    """Return a sentence for each of the user's metrics: what it is, by its docstring."""
    rules = {}
    for name, metric in metrics.items():
        # a function with its settings is a partial
        meaning = inspect.getdoc(getattr(metric, "func", metric)) or name
        meaning = meaning.splitlines()[0].rstrip(".")
        rules[name] = f"{meaning}; {INTERVAL_RULE}; {BASELINE_RULE}"
    return rules


def _statistic(
    metric: Metric, labels: np.ndarray, probabilities: np.ndarray, *, name: str
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from weights `(R, N)`, whole numbers, to the metric `(R,)`."""

    def statistic(weights: np.ndarray) -> np.ndarray:
        rows = [np.repeat(np.arange(len(labels)), times.astype(int)) for times in weights]
        return np.array([_number(metric(labels[row], probabilities[row]), name) for row in rows])

    return statistic


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"metrics.{name}: it returned {type(value).__name__}, and must return a number."
        ) from error
