"""Figures of a predicted number: predicted over true, and their agreement."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lungcam.report.figure import (
    BASELINES,
    GREY,
    INK,
    NET,
    add_legend,
    annotate,
    interval_suffix,
    new_figure,
    style_axes,
)

DASHED = (0, (5, 2))


@dataclass(frozen=True, eq=False, kw_only=True)
class NumberResults:
    """Numbers and metrics of a split, as its figures show them.

    Attributes:
        split: Name of the split.
        true: `(N,)` numbers.
        predicted: `(N,)` likewise.
        margin: Half-width of the prediction interval; None without.
        title: Name of the number with its unit.
        metrics: Metrics of the split, as in metrics.json.
        label_rule: Definition of the number.
    """

    split: str
    true: np.ndarray
    predicted: np.ndarray
    margin: float | None
    title: str
    metrics: Mapping[str, object]
    label_rule: str


def draw_scatter(results: NumberResults) -> Figure:
    """Draw predicted over true numbers, with the line of equality and the prediction interval."""
    figure, axes = _new_plot(results, "Predicted over true")
    ends = np.array(
        [
            min(results.true.min(), results.predicted.min()),
            max(results.true.max(), results.predicted.max()),
        ]
    )
    ends += 0.04 * np.ptp(ends) * np.array([-1, 1])
    axes.plot(ends, ends, color=GREY, linewidth=1, label="equal")
    if results.margin is not None:
        coverage = results.metrics["interval"]["coverage"]
        # a true number lies in the interval of a prediction if the prediction is in this band
        axes.fill_between(
            ends,
            ends - results.margin,
            ends + results.margin,
            color=NET,
            alpha=0.1,
            linewidth=0,
            label=f"within the prediction interval: {coverage:.0%}",
        )
    metrics = results.metrics
    axes.plot(
        results.true,
        results.predicted,
        "o",
        color=NET,
        alpha=0.65,
        markersize=5,
        markeredgewidth=0,
        label=f"samples: mean absolute error {metrics['mae']:.3g}"
        f"{interval_suffix(metrics['mae_ci95'])}",
    )
    mean = metrics["against_baselines"].get("mean")
    if mean is not None:
        axes.axhline(
            results.metrics["train_mean"],
            color=BASELINES[0],
            linestyle=DASHED,
            linewidth=1.2,
            label=f"training mean: mean absolute error {mean['baseline_mae']:.3g}",
        )
    axes.set(
        xlim=ends, ylim=ends, xlabel=f"true {results.title}", ylabel=f"predicted {results.title}"
    )
    add_legend(axes, loc="best")
    return figure


def draw_agreement(results: NumberResults) -> Figure:
    """Draw the difference over the mean of both, after Bland and Altman, Lancet 1986."""
    figure, axes = _new_plot(results, "Agreement of prediction and truth")
    middle, difference = (results.true + results.predicted) / 2, results.predicted - results.true
    axes.plot(middle, difference, "o", color=NET, alpha=0.65, markersize=5, markeredgewidth=0)
    bias, limits = results.metrics["bias"], results.metrics["limits_of_agreement"]
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axhline(bias, color=INK, linewidth=1.3, label=f"bias {bias:+.3g}")
    for limit in limits:
        axes.axhline(limit, color=BASELINES[0], linewidth=1.2, linestyle=DASHED)
    axes.plot(
        [],
        [],
        color=BASELINES[0],
        linestyle=DASHED,
        label=f"limits of agreement {limits[0]:+.3g} to {limits[1]:+.3g}",
    )
    axes.set(
        xlabel=f"mean of predicted and true {results.title}",
        ylabel="predicted less true",
    )
    add_legend(axes, loc="best")
    return figure


def _new_plot(results: NumberResults, title: str) -> tuple[Figure, Axes]:
    figure = new_figure(6.4, 6.6)
    axes = figure.add_axes((0.115, 0.155, 0.845, 0.69))
    style_axes(axes)
    n, patients = results.metrics["n"], results.metrics["n_patients"]
    subtitle = f"{results.split}: n = {n} of {patients} patients"
    annotate(figure, title, subtitle=subtitle, label_rule=results.label_rule)
    return figure, axes
